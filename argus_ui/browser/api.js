// Plain HTTP to the dashboard, below whatever path it is shown at.

/** What the page was built with: path prefix of a proxy, user, age of the fleet in it. */
export const page = JSON.parse(document.getElementById("argus-page").textContent);

/** Path below which the dashboard is shown, such as "/argus"; empty for none. */
export const { prefix } = page;

export class ApiError extends Error {
  /** `notDone`: whether it is known that nothing was changed. */
  constructor(status, message, notDone = false) {
    super(message);
    this.status = status;
    this.notDone = notDone;
  }
}

export const getJson = async (path, options) => (await call(path, options)).body;

/** The same, with its age in seconds. */
export const getAged = (path) => call(path);

export const postJson = async (path, body) =>
  (await call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }))
    .body;

/** Path with query parameters; those that are null or empty are left out. */
export function withQuery(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") query.append(name, one);
  }
  return query.size ? `${path}?${query}` : path;
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(prefix + path, options);
  } catch {
    throw new ApiError(0, "The dashboard does not answer.");
  }
  // The session is over: the page as a whole asks to log in again.
  if (response.status === 401) window.location.reload();
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  const body = isJson ? await response.json() : null;
  if (!response.ok) {
    const told = body?.detail ?? `The dashboard answered ${response.status}.`;
    throw new ApiError(response.status, told, body?.not_done ?? false);
  }
  return { body, age: Number(response.headers.get("Age") ?? 0) };
}
