// Runs before the first paint: a chosen theme is in the page already, the system's is looked up here.
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    root.dataset.bsTheme = root.dataset.themeChosen || (dark.matches ? "dark" : "light");
    document.dispatchEvent(new CustomEvent("theme"));
  };
  dark.addEventListener("change", apply);
  document.addEventListener("theme-chosen", apply);
  apply();
  // The server shows times in the viewer's zone from the next page on.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  if (zone && !document.cookie.includes(`tz=${encodeURIComponent(zone)}`)) {
    document.cookie = `tz=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }
})();
