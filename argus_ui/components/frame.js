import { fetchAhead } from "argus/ahead.js";
import { vDialog } from "argus/dialog.js";
import { link } from "argus/feed.js";
import { Icon } from "argus/icons.js";
import { onKey } from "argus/keys.js";
import { href, route } from "argus/navigation.js";
import { Palette } from "argus/palette.js";
import { loadAllParts } from "argus/parts.js";
import { Shortcuts } from "argus/shortcuts.js";
import { Banners, StatusBar, StatusSheet } from "argus/status.js";
import { dark, setDark } from "argus/theme.js";
import { computed, onBeforeUnmount, onMounted, ref, watch } from "vue";

const PHONE_TABS = 4;
// What j and k move a view by that has no rows to choose, pixels.
const SCROLL = 120;

export default {
  components: { Icon, Palette, Shortcuts, StatusBar, StatusSheet, Banners },
  directives: { dialog: vDialog },
  props: { views: Array, user: String, canLogOut: Boolean },
  setup(props) {
    const offered = computed(() =>
      props.views.filter((view) => view.needs.every((name) => link.services.includes(name))),
    );
    const menu = computed(() => offered.value.filter((view) => view.menu));
    const here = computed(() => props.views.find((view) => view.path === route.path));
    // What tabs, bookmarks and the history of the browser are called.
    const title = computed(
      () => (here.value && !here.value.menu && route.query.name) || here.value?.title || "Not found",
    );
    watch(title, (text) => (document.title = `${text} · Argus`), { immediate: true });
    const open = ref("");
    const toggle = (what) => (open.value = open.value === what ? "" : what);
    // Views are mounted later, and their own meaning of a key comes first.
    const unbind = [
      onKey("/", () => toggle("palette")),
      onKey("j", () => window.scrollBy({ top: SCROLL })),
      onKey("k", () => window.scrollBy({ top: -SCROLL })),
    ];
    onMounted(() => {
      setDark(dark.value);
      loadAllParts();
      fetchAhead();
      unbind.push(
        onKey("palette", () => toggle("palette")),
        onKey("?", () => toggle("keys")),
        onKey("d", () => setDark(!dark.value)),
      );
    });
    onBeforeUnmount(() => unbind.forEach((off) => off()));
    const tabs = computed(() => menu.value.slice(0, PHONE_TABS));
    const rest = computed(() => menu.value.slice(PHONE_TABS));
    return { menu, offered, here, open, toggle, route, href, dark, setDark, tabs, rest };
  },
  template: `
    <div class="a-frame">
      <a class="a-skip" href="#argus-main" data-external>Skip to content</a>
      <nav class="a-rail" aria-label="Views">
        <a class="a-brand" :href="href('/')" aria-label="Argus, overview">
          <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><path d="M2 16C6 8 11 5 16 5s10 3 14 11c-4 8-9 11-14 11S6 24 2 16z" fill="none" stroke="currentColor" stroke-width="2.4"/><path d="M8 18h4l2.5-6 4 10 2-4H25" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linejoin="round" stroke-linecap="round"/></svg>
          <span>Argus</span>
        </a>
        <a v-for="view in menu" :key="view.name" class="a-nav" :class="{ active: view.path === route.path }"
          :href="href(view.path)" :aria-current="view.path === route.path ? 'page' : null" :title="view.title" :data-test="'nav-' + view.name">
          <Icon :name="view.icon" /><span>{{ view.title }}</span>
        </a>
        <div class="a-rail-foot">
          <button class="a-nav" title="Keys (?)" @click="toggle('keys')"><Icon name="help" /><span>Keys</span></button>
          <form v-if="canLogOut" method="post" :action="href('/logout')">
            <button class="a-nav" :title="'Log out ' + user"><Icon name="logout" /><span>Log out</span></button>
          </form>
        </div>
      </nav>
      <div class="a-body">
        <header class="a-top">
          <h1 :title="here?.title">{{ here ? here.title : "Not found" }}</h1>
          <StatusBar :open="open === 'status'" @toggle="toggle('status')" />
          <button class="a-go" title="Go to a server or a view (Ctrl K)" @click="toggle('palette')" data-test="open-palette">
            <Icon name="search" :size="15" /><span>Go to</span><kbd>Ctrl K</kbd>
          </button>
          <button class="a-button-icon" :title="(dark ? 'Light' : 'Dark') + ' (d)'" :aria-label="dark ? 'Light' : 'Dark'" data-test="theme" @click="setDark(!dark)">
            <Icon :name="dark ? 'sun' : 'moon'" />
          </button>
        </header>
        <Banners />
        <div id="argus-main" class="a-main" tabindex="-1">
          <div v-if="!here" class="a-empty" data-test="no-view"><Icon name="help" :size="34" /><h2>There is no such page</h2>
            <p>Nothing is at <code>{{ route.path }}</code>. It may have moved, or the address was cut short on its way here.</p>
            <p class="a-ways"><a v-for="view in menu" :key="view.name" class="a-button" :href="href(view.path)"><Icon :name="view.icon" :size="15" />{{ view.title }}</a></p></div>
          <slot></slot>
        </div>
      </div>
      <nav class="a-tabs" aria-label="Views">
        <a v-for="view in tabs" :key="view.name" :class="{ active: view.path === route.path }" :href="href(view.path)">
          <Icon :name="view.icon" :size="20" /><span>{{ view.title }}</span>
        </a>
        <button v-if="rest.length || canLogOut" :class="{ active: open === 'more' }" @click="toggle('more')"><Icon name="more" :size="20" /><span>More</span></button>
      </nav>
      <div v-if="open === 'more'" class="a-overlay a-sheet" @click="open = ''">
        <div v-dialog="{ close: () => (open = '') }" class="a-palette" role="dialog" aria-modal="true" aria-label="More views">
          <a v-for="view in rest" :key="view.name" class="a-nav" :href="href(view.path)"><Icon :name="view.icon" /><span>{{ view.title }}</span></a>
          <form v-if="canLogOut" @click.stop method="post" :action="href('/logout')">
            <button class="a-nav" :title="'Log out ' + user"><Icon name="logout" /><span>Log out</span></button>
          </form>
        </div>
      </div>
      <Palette v-if="open === 'palette'" :views="offered.filter((view) => view.menu)" @close="open = ''" />
      <Shortcuts v-if="open === 'keys'" @close="open = ''" />
      <StatusSheet v-if="open === 'status'" @close="open = ''" />
    </div>`,
};
