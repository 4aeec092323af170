// What came of it, in a line that goes away by itself.

/** Says that something is done; longer where it can be taken back, by `undo`: `{ label, handler }`. */
export const say = (text, undo = null) => show(text, "a-toast-done", undo ? 10_000 : 4000, undo);

/** Says why something is not done. */
export const complain = (text) => show(text, "a-toast-failed", 10_000);

// Quasar takes the message as text unless told otherwise: names in it cannot become markup.
function show(message, classes, timeout, action = null) {
  const look = { noCaps: true, flat: true, dense: true, color: "inherit" };
  window.Quasar.Notify.create({
    message,
    timeout,
    classes: `a-toast ${classes}`,
    position: "bottom",
    group: false,
    // No colour of Quasar, whose classes win over every style sheet.
    textColor: "toast",
    actions: [...(action ? [action] : []), { label: "Close" }].map((one) => ({ ...one, ...look })),
  });
}
