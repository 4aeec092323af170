// What came of it, in a line that goes away by itself.

/** Says that something is done. */
export const say = (text) => show(text, "a-toast-done", 4000);

/** Says why something is not done. */
export const complain = (text) => show(text, "a-toast-failed", 10_000);

// Quasar takes the message as text unless told otherwise: names in it cannot become markup.
function show(message, classes, timeout) {
  window.Quasar.Notify.create({
    message, timeout, classes: `a-toast ${classes}`, position: "bottom", group: false,
    // No colour of Quasar, whose classes win over every style sheet.
    textColor: "toast",
    actions: [{ label: "Close", noCaps: true, flat: true, dense: true, color: "inherit" }],
  });
}
