"""Forms: laid out, validated while one types, kept on errors, in a page or in the drawer."""

from console.forms.views import FormPage, Previewed

__all__ = ["FormPage", "Previewed"]
