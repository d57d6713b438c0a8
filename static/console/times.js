// Relative times go on. The words are those of console/times.py.
const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [1209600, 86400, "d"]];

function words(moment) {
  const seconds = (Date.now() - moment) / 1000;
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  const step = STEPS.find(([limit]) => size < limit);
  if (!step) return null;
  const text = `${Math.floor(size / step[1])} ${step[2]}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

function renew() {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const text = words(Date.parse(element.dateTime));
    if (text && text !== element.textContent) element.textContent = text;
  }
}
setInterval(renew, 15000);
document.addEventListener("visibilitychange", renew);
