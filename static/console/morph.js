// Live parts are changed where they are (`hx-swap="morph"`): what is focused, opened, hovered or drawn stays.
const { callbacks } = window.Idiomorph.defaults;

// What scripts filled is theirs: a chart reads its new values itself, and its legend is made of them.
callbacks.beforeNodeMorphed = (old, fresh) =>
  !(old instanceof Element && fresh instanceof Element && ["[data-chart]", "[data-legend]"].some((own) => old.matches(own) && fresh.matches(own) && old.id === fresh.id));

callbacks.beforeAttributeUpdated = (name, element) => !(name === "open" && element.matches("details"));
