// The last answers of routes: a view that is opened again shows them at once, and asks for newer ones meanwhile.

const LONGEST_MS = 300_000;
const MOST = 24;
const answers = new Map();

/** Keeps an answer. */
export function hold(path, value) {
  answers.delete(path);
  answers.set(path, { value, at: Date.now() });
  if (answers.size > MOST) answers.delete(answers.keys().next().value);
}

/** The last answer of a route; null when there is none, or none that is still worth showing. */
export function held(path) {
  const found = answers.get(path);
  return found && Date.now() - found.at < LONGEST_MS ? found.value : null;
}
