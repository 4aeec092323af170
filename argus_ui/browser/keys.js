// Keys that work everywhere but where somebody is typing.

const bound = new Map();

/** Binds a key, such as "j"; returns what unbinds it. The newest binding wins. */
export function onKey(key, handler) {
  const handlers = bound.get(key) ?? [];
  bound.set(key, [...handlers, handler]);
  return () => bound.set(key, bound.get(key).filter((other) => other !== handler));
}

document.addEventListener("keydown", (event) => {
  const isPalette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (!isPalette && (typing || event.ctrlKey || event.metaKey || event.altKey)) return;
  const handler = bound.get(isPalette ? "palette" : event.key)?.at(-1);
  if (!handler) return;
  event.preventDefault();
  handler(event);
});
