// Line icons, 24 x 24, drawn in the colour of the text around them. No icon font to wait for.
import { h } from "vue";

const PATHS = {
  overview: "M4 5h7v6H4zM13 5h7v9h-7zM4 13h7v6H4zM13 16h7v3h-7z",
  server: "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01",
  heatmap:
    "M4 4h5v5H4zM10 4h5v5h-5zM16 4h4v5h-4zM4 10h5v5H4zM10 10h5v5h-5zM16 10h4v5h-4zM4 16h5v4H4zM10 16h5v4h-5zM16 16h4v4h-4z",
  risks: "M12 3l9 16H3zM12 10v4M12 17h.01",
  alerts: "M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4",
  history: "M4 12a8 8 0 1 0 3-6.2L4 8M4 4v4h4M12 8v4l3 2",
  model: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5",
  scenario: "M4 6h10M18 6h2M4 12h4M12 12h8M4 18h12M20 18h0M16 4v4M10 10v4M18 16v4",
  accuracy: "M12 12h.01M12 4a8 8 0 1 0 8 8M12 8a4 4 0 1 0 4 4M14 10l6-6M16 4h4v4",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.8.4-1 .9-1 1.7M12 17h.01",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  close: "M6 6l12 12M18 6L6 18",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  bell_off: "M4 4l16 16M9 5.5A6 6 0 0 1 18 11v4M6 11v6l-2 2h13M10 21h4",
  user_check: "M4 20a6 6 0 0 1 12 0M10 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM16 11l2 2 4-4",
  logout: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  check: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8 12.5l3 3 5-6",
  "trend-up": "M3 17l6-6 4 4 8-8M15 7h6v6",
  triangle: "M12 3.5l9.5 16.5h-19zM12 10v4.5M12 17.5h.01",
  octagon: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 8v5M12 16.5h.01",
  silent:
    "M3 3l18 18M8.5 14.5a5 5 0 0 1 3.5-1.4M5 11a10 10 0 0 1 4-2.4M15 9a10 10 0 0 1 4 2M2 7.5A15 15 0 0 1 6 5M10 4.1A15 15 0 0 1 22 7.5M12 19h.01",
  cascade:
    "M12 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM6 21a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 21a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM12 7v4M6 17v-3h12v3M12 11v3",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  sort_up: "M7 14l5-5 5 5",
  sort_down: "M7 10l5 5 5-5",
  plug: "M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5M8.5 9h7M8.5 12.500h4",
  send: "M4 12l16-8-6 16-3-7z",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2",
};

export const Icon = ({ name, size = 18 }) =>
  h(
    "svg",
    {
      viewBox: "0 0 24 24",
      width: size,
      height: size,
      class: "a-icon",
      "aria-hidden": "true",
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 1.8,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    },
    [h("path", { d: PATHS[name] ?? PATHS.help })],
  );
Icon.props = ["name", "size"];
