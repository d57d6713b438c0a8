"""What every resource of the management API (``/api/v1``) has in common.

Who asks (:mod:`tenants.rest.principals`), what they may see (:mod:`tenants.rest.resources`), how lists are cut into
pages, how answers are versioned (:mod:`tenants.rest.etags`) and repeated requests recognised
(:mod:`tenants.rest.idempotency`), and how all of it is described (:mod:`tenants.rest.openapi`). The resources
themselves are in each app's ``api`` package.
"""
