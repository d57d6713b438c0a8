"""What Django looks for: the admin classes of this app."""

from routing.admin_prices import ModelPriceAdmin
from routing.admin_providers import ModelAdmin, ProviderAdmin
from routing.admin_routes import RouteAdmin, TargetAdmin

__all__ = ["ModelAdmin", "ModelPriceAdmin", "ProviderAdmin", "RouteAdmin", "TargetAdmin"]
