"""Django settings, split by concern; every value comes from :mod:`controlplane.settings.env`."""

from controlplane.settings.admin_site import UNFOLD
from controlplane.settings.apps import *  # noqa: F403
from controlplane.settings.auth import *  # noqa: F403
from controlplane.settings.celery import *  # noqa: F403
from controlplane.settings.channels import *  # noqa: F403
from controlplane.settings.content_policy import *  # noqa: F403
from controlplane.settings.data_protection import *  # noqa: F403
from controlplane.settings.database import *  # noqa: F403
from controlplane.settings.gateway import *  # noqa: F403
from controlplane.settings.logging import *  # noqa: F403
from controlplane.settings.mail import *  # noqa: F403
from controlplane.settings.redis import *  # noqa: F403
from controlplane.settings.rest import *  # noqa: F403
from controlplane.settings.secrets import *  # noqa: F403
from controlplane.settings.security import *  # noqa: F403
from controlplane.settings.sessions import *  # noqa: F403
from controlplane.settings.static import *  # noqa: F403
