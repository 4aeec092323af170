// Keys that work everywhere but where somebody is typing, and none but its own while a dialog is open.

const bound = new Map();
const dialogs = [];
const TYPING = "input, textarea, select, [contenteditable]";
const OPERATED = "a, button, summary, [role=button]";

/** Binds a key, such as "j"; returns what unbinds it. The newest binding wins. */
export function onKey(key, handler) {
  const handlers = bound.get(key) ?? [];
  bound.set(key, [...handlers, handler]);
  return () =>
    bound.set(
      key,
      bound.get(key).filter((other) => other !== handler),
    );
}

/** Gives the keyboard to a dialog, as handlers by key; returns what gives it back. */
export function holdKeys(own) {
  dialogs.push(own);
  return () => dialogs.splice(dialogs.indexOf(own), 1);
}

document.addEventListener("keydown", (event) => {
  const isPalette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
  const key = isPalette ? "palette" : event.key;
  const dialog = isPalette ? undefined : dialogs.at(-1);
  const typing = event.target.closest?.(TYPING) && !(dialog && key === "Escape");
  if (!isPalette && (typing || event.ctrlKey || event.metaKey || event.altKey)) return;
  // What has the focus is pressed with these.
  if ((key === "Enter" || key === " ") && event.target.closest?.(OPERATED)) return;
  const handler = dialog ? dialog[key] : bound.get(key)?.at(-1);
  if (!handler) return;
  event.preventDefault();
  // Enter then means the row that was chosen, no longer the link that was clicked to come here.
  if (key === "j" || key === "k") event.target.blur?.();
  handler(event);
});
