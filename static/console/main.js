// Everything that all pages share. Each module works on what is there and on what htmx brings later.
import "./morph.js";
import "./shell.js";
import "./dialogs.js";
import "./forms.js";
import "./dependent_fields.js";
import "./struct_rows.js";
import "./tables.js";
import "./copy.js";
import "./times.js";
import "./charts.js";
import "./live.js";
