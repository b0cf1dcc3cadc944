// The showcase: which clip, target, codebook and λ is heard, kept in the address.
(() => {
  "use strict";
  const clips = JSON.parse(document.getElementById("clips").textContent);
  const loaded = new Map(), place = (id) => document.getElementById(id);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const state = { clip: 0, target: "", codec: "", lam: NaN };
  let heard = 0;

  const number = (value) => String(Number(value.toPrecision(3)));
  const option = (value, text) => Object.assign(document.createElement("option"), {
    value, textContent: text,
  });

  function read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const clip = Number(asked.get("clip") || 0);
    state.clip = clips[clip] ? clip : 0;
    state.target = asked.get("target") || "";
    state.codec = asked.get("codec") || "";
    state.lam = asked.has("lam") ? Number(asked.get("lam")) : NaN;
  }

  function write() {
    const kept = new URLSearchParams({ clip: state.clip, target: state.target });
    if (state.codec) { kept.set("codec", state.codec); kept.set("lam", state.lam); }
    history.replaceState(null, "", `#${kept}`);
  }

  // Scripts, unlike other files, may be loaded by a page that was opened without a server.
  function load() {
    if (loaded.has(state.clip)) { show(); return; }
    place("player").textContent = "Loading …";
    const script = document.createElement("script");
    script.src = clips[state.clip].data;
    script.onerror = () => { place("player").textContent = `${script.src} is missing.`; };
    document.head.append(script);
  }

  const is = (sound, method) => sound.method === method &&
    (sound.target === "" || sound.target === state.target);

  function show() {
    const data = loaded.get(state.clip);
    const targets = clips[state.clip].targets;
    if (!targets.includes(state.target)) state.target = targets[0];
    const coded = data.sounds.filter((sound) => is(sound, "quantized"));
    const exact = coded.find((one) => one.codec === state.codec && one.lam === state.lam);
    const chosen = exact || coded.find((one) => one.codec === state.codec) || coded[0];
    state.codec = chosen ? chosen.codec : "";
    state.lam = chosen ? chosen.lam : NaN;
    place("clip").value = state.clip;
    place("target").replaceChildren(...targets.map((name) => option(name, name)));
    place("target").value = state.target;
    const plain = ["source", "reconstruction", "reference", "conversion"].flatMap((method) =>
      data.sounds.filter((sound) => is(sound, method)));
    const sounds = chosen ? [...plain, chosen] : plain;
    const shown = { ...data, sounds };
    const player = window.quantlabPlayer(place("player"), shown, { dark: dark.matches });
    player.choose(Math.min(heard, sounds.length - 1));
    table(coded, chosen, sounds.length - 1);
    write();
  }

  function table(coded, chosen, last) {
    const names = [...new Set(coded.map((sound) => sound.codec))];
    place("codes").replaceChildren(...names.map((name) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row";
      head.textContent = `${name} codebook`;
      row.append(head, ...coded.filter((sound) => sound.codec === name).map((sound) => {
        const cell = document.createElement("td"), button = document.createElement("button");
        const lam = document.createElement("b");
        lam.textContent = `λ = ${number(sound.lam)}`;
        button.type = "button";
        button.append(lam, sound.detail);
        button.setAttribute("aria-pressed", sound === chosen);
        button.onclick = () => {
          state.codec = sound.codec;
          state.lam = sound.lam;
          heard = last;
          show();
          place("codes").querySelector("[aria-pressed=true]").focus();
        };
        cell.append(button);
        return cell;
      }));
      return row;
    }));
  }

  window.quantlabShowcase = {
    add: (clip, data) => { loaded.set(clip, data); if (clip === state.clip) show(); },
  };
  place("clip").append(...clips.map((clip, index) => option(index, clip.name)));
  place("clip").onchange = (event) => { state.clip = Number(event.target.value); load(); };
  place("target").onchange = (event) => { state.target = event.target.value; show(); };
  window.onhashchange = () => { read(); load(); };
  dark.addEventListener("change", () => { if (loaded.has(state.clip)) show(); });
  place("controls").hidden = false;
  read();
  load();
})();
