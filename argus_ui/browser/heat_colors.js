// One sequence of colours: calm until shortly before the warning value, warm from there to beyond the critical one. Its
// lightness runs one way, so every eye can order it.

/** Where the warning value lies; the critical one lies at 1. As in argus_ui/heat.py. */
export const WARM = 0.6;
/** Where the sequence ends, beyond critical. */
export const END = 1.25;
const STEPS = 125;
// Places and colours.
const STOPS = {
  light: [
    [0, "#f2f5f8"],
    [0.5, "#e4eaf0"],
    [WARM, "#f5dc96"],
    [0.8, "#ee9a47"],
    [1, "#b8304f"],
    [END, "#3b0f4a"],
  ],
  dark: [
    [0, "#1b222c"],
    [0.5, "#242e3b"],
    [WARM, "#5e4324"],
    [0.8, "#b8582c"],
    [1, "#f59a52"],
    [END, "#fff0b8"],
  ],
};

const tables = {};

/** Colours by place, END / STEPS apart. */
function table(theme) {
  return (tables[theme] ??= Array.from({ length: STEPS + 1 }, (_, i) => {
    const place = (i / STEPS) * END;
    const next = Math.max(
      1,
      STOPS[theme].findIndex(([stop]) => stop >= place),
    );
    const [[before, low], [after, high]] = STOPS[theme].slice(next - 1, next + 1);
    const mixed = channels(low).map(
      (from, c) => from + ((channels(high)[c] - from) * (place - before)) / (after - before),
    );
    const light = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2];
    return { fill: `rgb(${mixed.map(Math.round).join(",")})`, ink: light > 140 ? "#14181d" : "#ffffff" };
  }));
}

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** `{ fill, ink }` of a place; null where there is none. */
export const colorOf = (place, dark) =>
  place === null ? null : table(dark ? "dark" : "light")[Math.round((Math.max(0, Math.min(END, place)) / END) * STEPS)];

/** The sequence as a CSS gradient. */
export const gradient = (dark) =>
  `linear-gradient(90deg, ${STOPS[dark ? "dark" : "light"].map(([place, color]) => `${color} ${(100 * place) / END}%`).join(", ")})`;

/** Where a value stands on the way to its thresholds: WARM at the warning value, 1 at the critical one; null when not known. */
export function placeOf(value, warning, critical, lowIsBad) {
  if ([value, warning, critical].some((one) => one === null || one === undefined)) return null;
  // From the good end of the scale.
  const [at, warm, hot] = lowIsBad ? [100 - value, 100 - warning, 100 - critical] : [value, warning, critical];
  if (at < warm) return Math.max(0, (WARM * at) / warm);
  return hot > warm ? WARM + ((1 - WARM) * (at - warm)) / (hot - warm) : at < hot ? WARM : 1;
}
