// Any table as a file.

/** Downloads rows as CSV. */
export function downloadCsv(filename, columns, rows) {
  const lines = [columns, ...rows].map((row) => row.map(cell).join(","));
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" }));
  anchor.download = filename;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

/** A time as it stands in a file; nothing for none. */
export const isoTime = (ms) => (ms ? new Date(ms).toISOString() : null);

/** The same in the name of a file. */
export const fileTime = (ms) => isoTime(ms)?.slice(0, 19).replaceAll(":", "-").concat("Z") ?? "unknown";

export function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  // A spreadsheet takes a text that begins like this for a formula; names come from strangers.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
