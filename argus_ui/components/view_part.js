import { link } from "argus/feed.js";
import { loaded, loadPart } from "argus/parts.js";
import { h, watch } from "vue";

export default {
  props: { module: String, settings: Object },
  inheritAttrs: false,
  setup(props) {
    watch(
      () => link.socket,
      () => loadPart(props.module),
      { immediate: true },
    );
    return () => {
      const Part = loaded.get(props.module);
      return Part ? h(Part, props.settings) : null;
    };
  },
};
