// Plain HTTP to the dashboard, below whatever path it is shown at.

/** Path below which the dashboard is shown, such as "/argus"; empty for none. */
export const prefix = JSON.parse(document.getElementById("argus-page")?.textContent ?? "{}").prefix ?? "";

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const getJson = (path, options) => call(path, options);

export const postJson = (path, body) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

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
  if (!response.ok) throw new ApiError(response.status, body?.detail ?? `The dashboard answered ${response.status}.`);
  return body;
}
