// The alert ladder as people see it: a word, a shape and a colour each, so that none has to be seen alone.

/** By number, as in the column `level`. */
export const LEVELS = [
  { key: "healthy", label: "Healthy", icon: "check" },
  { key: "degrading", label: "Degrading", icon: "trend-up" },
  { key: "warning", label: "Warning", icon: "triangle" },
  { key: "critical", label: "Critical", icon: "octagon" },
];

export const SILENT = { key: "silent", label: "Silent", icon: "silent" };

export const SOURCES = {
  TFT: "Forecast by the model",
  FALLBACK: "Statistical fallback: the server is warming up, or no model is loaded",
  STALE: "The server stopped sending; the forecast goes on from its last values",
};
