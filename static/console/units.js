// Numbers with units, as console/formats.py writes them.
const short = (value) => {
  for (const [size, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size * 0.9995) return `${plain(value / size, Math.abs(value / size) >= 100 ? 0 : 1).replace(/\.0$/, "")}${letter}`;
  }
  return plain(value, Number.isInteger(value) ? 0 : Math.abs(value) < 1 ? 2 : 1);
};
// Making a format costs a hundred times more than using it, and a live tail writes a thousand numbers a second.
const formats = new Map();
const formatOf = (digits) => {
  if (!formats.has(digits)) formats.set(digits, new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  return formats.get(digits);
};
const plain = (value, digits = Number.isInteger(value) ? 0 : 2) => formatOf(digits).format(value);

const dollars = (nano, onAxis) => {
  const value = nano / 1e9;
  const size = Math.abs(value);
  if (size === 0) return onAxis ? "$0" : "$0.00";
  if (onAxis && size >= 1000) return `$${short(value)}`;
  if (onAxis) return `$${Number(value.toPrecision(3))}`;
  return `$${plain(value, size >= 0.99995 ? 2 : size >= 0.0099995 ? 4 : 6)}`;
};
const bytes = (value) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (Math.abs(value) >= (unit ? 1023.95 : 1024) && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${plain(value, unit ? 1 : 0).replace(/\.0$/, "")} ${units[unit]}`;
};
const duration = (ms) => {
  if (ms === 0) return "0 ms";
  if (ms < 0.9995) return `${plain(ms * 1000, 0)} µs`;
  if (ms < 999.5) return `${plain(ms, ms >= 9.95 || Number.isInteger(ms) ? 0 : 1)} ms`;
  if (ms < 59950) return `${plain(ms / 1000, ms < 9995 ? 2 : 1)} s`;
  return `${plain(ms / 60000, 1)} min`;
};

export function format(value, unit, { axis = false } = {}) {
  if (value === null || value === undefined) return "–";
  if (unit === "money") return dollars(value, axis);
  if (unit === "ms") return axis ? duration(value).replace(/\.0+(?= )/, "").replace(/(\.\d)0(?= )/, "$1") : duration(value);
  if (unit === "percent") return `${plain(value * 100, axis ? (value * 100) % 1 ? 1 : 0 : 1)}%`;
  if (unit === "bytes") return bytes(value);
  return axis || unit === "short" ? short(value) : plain(value);
}
