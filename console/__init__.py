"""The shell and the kit of all pages: navigation, tables, forms, charts, template tags and the front end's modules."""
