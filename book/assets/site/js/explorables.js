// Brings the explorables of a page to life, each when it comes near the screen. Until then, and where scripts are off
// or the page was opened as a file, its picture stands there.
(() => {
  const folder = new URL("../explorables/", document.currentScript.src);

  // What an explorable asks of its model, as an anywidget's: get, set, save_changes, on, off. Here it also makes links.
  class Model {
    constructor(name, state, settings) {
      Object.assign(this, { name, state, settings, changed: new Set(), listeners: new Map() });
    }
    get(key) {
      return this.state[key];
    }
    set(key, value) {
      if (this.state[key] !== value) this.changed.add(key);
      this.state[key] = value;
    }
    save_changes() {
      const changed = [...this.changed];
      this.changed.clear();
      for (const key of changed) for (const listener of this.listeners.get(`change:${key}`) ?? []) listener();
    }
    on(event, listener) {
      this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
    }
    off(event, listener) {
      this.listeners.set(event, (this.listeners.get(event) ?? []).filter((other) => other !== listener));
    }
    link() {
      const address = new URL(location.href);
      address.search = new URLSearchParams([
        ["explorable", this.name],
        ...this.settings.map((key) => [key, JSON.stringify(this.get(key))]),
      ]);
      address.hash = `explorable-${this.name}`;
      return address.href;
    }
  }

  // What the page's address says of an explorable.
  function fromAddress(name, settings) {
    const asked = new URLSearchParams(location.search);
    const state = {};
    if (asked.get("explorable") !== name) return state;
    for (const key of settings) {
      try {
        if (asked.has(key)) state[key] = JSON.parse(asked.get(key));
      } catch {
        // an address that was cut off: the default stays
      }
    }
    return state;
  }

  async function mount(place) {
    const name = place.dataset.explorable;
    const { default: explorable } = await import(new URL(`${name}.mjs`, folder).href);
    const given = JSON.parse(place.dataset.state || "{}");
    const asked = fromAddress(name, explorable.settings);
    const model = new Model(name, { ...explorable.defaults, ...given, ...asked }, explorable.settings);
    const el = document.createElement("div");
    el.className = "live";
    place.querySelector(".still").after(el);
    explorable.render({ model, el });
    place.classList.add("mounted");
  }

  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        mount(target).catch((error) => console.warn("An explorable stays a picture:", error));
      }
    },
    { rootMargin: "400px" },
  );
  if (location.protocol === "file:") return; // modules are not loaded from files
  const places = document.querySelectorAll(".explorable");
  places.forEach((place) => place.classList.add("awaited"));
  addEventListener("load", () => places.forEach((place) => near.observe(place)));
})();
