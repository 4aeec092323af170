// Answers of a route, asked for again as the fleet moves on, but not with every tick.
import { onMounted, ref, shallowRef, watch } from "vue";
import { getJson } from "argus/api.js";
import { fleet, link } from "argus/feed.js";
import { held, hold } from "argus/held.js";

const LEAST_MS = 5000;

/**
 * Follows a route while the component that calls this is shown.
 *
 * Returns refs `value` (null before the first answer; the last one stays when a later question fails, and when the view is left), `problem` (empty
 * while all is well) and the function `refresh`.
 */
export function following(path) {
  const value = shallowRef(held(path));
  const problem = ref("");
  let asking = false;
  let askedAt = 0;
  const refresh = async () => {
    if (asking) return;
    asking = true;
    askedAt = Date.now();
    try {
      value.value = await getJson(path);
      hold(path, value.value);
      problem.value = "";
    } catch (error) {
      problem.value = error.message;
    } finally {
      asking = false;
    }
  };
  onMounted(refresh);
  watch(fleet, () => Date.now() - askedAt >= LEAST_MS && refresh());
  watch(() => link.state, (state) => state === "live" && refresh());
  return { value, problem, refresh };
}
