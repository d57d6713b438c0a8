"""What credentials look like, as their issuers publish it for secret scanning. One list for all who look for them.

Guardrails find credentials in calls; redaction takes them out of what is stored. Patterns are in :mod:`re`'s syntax and
bounded, so that none can run away.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class IssuedCredential(NamedTuple):
    """What one issuer's credentials look like."""

    issuer: str
    marks: tuple[str, ...]
    """One of these texts stands in each of them: cheap to look for first."""
    begins: str
    """A pattern of what gives one away; it begins where the credential does."""
    form: str
    """A pattern of all of it."""


_B64: Final = r"[A-Za-z0-9_\-]"
ISSUED: Final = (
    IssuedCredential("OpenAI, Anthropic and alike", ("sk-",), "sk-", rf"sk-{_B64}{{20,256}}"),
    IssuedCredential("Breakwater", ("bw_", "bws_"), "bws?_[a-z0-9]{8}_", rf"bws?_[a-z0-9]{{8}}_{_B64}{{20,128}}"),
    IssuedCredential(
        "AWS",
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]",
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])",
    ),
    IssuedCredential("Google", ("AIza",), "AIza", rf"AIza{_B64}{{35}}"),
    IssuedCredential("Google OAuth", ("ya29.",), r"ya29\.", rf"ya29\.{_B64}{{20,512}}"),
    IssuedCredential("Google OAuth client", ("GOCSPX-",), "GOCSPX-", rf"GOCSPX-{_B64}{{20,64}}"),
    IssuedCredential(
        "GitHub",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        "gh[pousr]_|github_pat_",
        r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}",
    ),
    IssuedCredential(
        "GitLab",
        ("glpat-", "glptt-", "glrt-", "gldt-", "glcbt-", "glsoat-"),
        "gl(?:pat|ptt|rt|dt|cbt|soat)-",
        rf"gl(?:pat|ptt|rt|dt|cbt|soat)-{_B64}{{20,128}}",
    ),
    IssuedCredential("Slack", ("xox", "xapp-"), "xox[abeoprs]-|xapp-", r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9\-]{10,256}"),
    IssuedCredential(
        "Slack webhook",
        ("hooks.slack.com/",),
        r"hooks\.slack\.com/",
        r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{20,128}",
    ),
    IssuedCredential(
        "Stripe",
        ("_live_", "_test_", "whsec_"),
        "(?:sk|rk|pk)_(?:live|test)_|whsec_",
        r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,256}|whsec_[A-Za-z0-9+/=]{20,128}",
    ),
    IssuedCredential("SendGrid", ("SG.",), r"SG\.", rf"SG\.{_B64}{{16,64}}\.{_B64}{{16,64}}"),
    IssuedCredential("Hugging Face", ("hf_",), "hf_", r"hf_[A-Za-z0-9]{30,64}"),
    IssuedCredential("npm", ("npm_",), "npm_", r"npm_[A-Za-z0-9]{36}"),
    IssuedCredential("PyPI", ("pypi-",), "pypi-", rf"pypi-{_B64}{{50,512}}"),
    IssuedCredential("DigitalOcean", ("doo_v1_", "dop_v1_", "dor_v1_"), "do[opr]_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    IssuedCredential("HashiCorp Vault", ("hvs.", "hvb.", "hvr."), r"hv[sbr]\.", rf"hv[sbr]\.{_B64}{{24,512}}"),
    IssuedCredential(
        "Azure",
        ("AccountKey=", "SharedAccessKey=", "sig="),
        r"AccountKey=|SharedAccessKey=|sig=",
        r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,100}={0,2}|sig=[A-Za-z0-9%]{43,80}",
    ),
    IssuedCredential("Telegram", (":AA",), r"\d{8,10}:AA", rf"\d{{8,10}}:AA{_B64}{{32,34}}(?!{_B64})"),
    IssuedCredential(
        "Discord webhook",
        ("/api/webhooks/",),
        r"discord(?:app)?\.com/api/webhooks/",
        rf"discord(?:app)?\.com/api/webhooks/\d{{17,20}}/{_B64}{{60,80}}",
    ),
    IssuedCredential("Twilio", ("SK",), "SK[0-9a-f]{4}", r"SK[0-9a-f]{32}(?![0-9a-f])"),
    IssuedCredential("Mailgun", ("key-",), "key-[0-9a-f]", r"key-[0-9a-f]{32}(?![0-9a-f])"),
    IssuedCredential("Square", ("sq0atp-", "sq0csp-"), "sq0(?:atp|csp)-", rf"sq0(?:atp|csp)-{_B64}{{22,64}}"),
    IssuedCredential(
        "Shopify",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
        "shp(?:at|ca|pa|ss)_",
        r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    ),
    IssuedCredential("Databricks", ("dapi",), "dapi[0-9a-f]", r"dapi[0-9a-f]{32}"),
    IssuedCredential("Age", ("AGE-SECRET-KEY-1",), "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
)
JSON_WEB_TOKEN: Final = IssuedCredential(
    "JSON Web Token",
    ("eyJ",),
    rf"eyJ{_B64}{{8}}",
    rf"eyJ{_B64}{{8,2000}}\.eyJ{_B64}{{8,4000}}(?:\.{_B64}{{0,1000}})?",
)
PRIVATE_KEY: Final = IssuedCredential(
    "PEM",
    ("-----BEGIN",),
    "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY",
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,8000}"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
)
"""Whole, or cut off: then what there is of it, 8,000 characters at most."""
