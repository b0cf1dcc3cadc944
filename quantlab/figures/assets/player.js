// Sounds side by side: one transport, a switch between them in mid-sentence, spectrograms with F0.
window.quantlabPlayer = (() => {
  "use strict";
  // Dark to light through purple and orange: even steps of lightness, safe for colour-blind readers.
  const STOPS = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66],
                 [245, 125, 21], [250, 193, 39], [252, 255, 164]];
  const LEFT = 34, RIGHT = 34, BOTTOM = 20, TOP = 4;

  const colour = (share) => {
    const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
    const low = Math.min(Math.floor(place), STOPS.length - 2), rest = place - low;
    return STOPS[low].map((value, channel) => value + rest * (STOPS[low + 1][channel] - value));
  };
  const TABLE = Array.from({ length: 256 }, (_, level) => colour(level / 255));

  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const element = (kind, properties = {}, children = []) => {
    const made = Object.assign(document.createElement(kind), properties);
    made.append(...children);
    return made;
  };

  // The spectrogram as a picture of its own, drawn once.
  function picture(sound) {
    const canvas = element("canvas", { width: sound.frames, height: sound.bands });
    const context = canvas.getContext("2d");
    const image = context.createImageData(sound.frames, sound.bands);
    const levels = bytes(sound.mel);
    for (let frame = 0; frame < sound.frames; frame++) {
      for (let band = 0; band < sound.bands; band++) {
        const [red, green, blue] = TABLE[levels[frame * sound.bands + band]];
        const place = 4 * ((sound.bands - 1 - band) * sound.frames + frame);
        image.data.set([red, green, blue, 255], place);
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  class Panel {
    constructor(sound, data, player) {
      this.sound = sound;
      this.data = data;
      this.player = player;
      this.seconds = Math.max(sound.frames * data.hop_s, 1e-3);
      this.audio = new Audio();
      this.audio.preload = "auto";
      const type = { type: "audio/wav" };
      this.made = sound.wav ? URL.createObjectURL(new Blob([bytes(sound.wav)], type)) : "";
      this.audio.src = this.made || sound.address;
      this.audio.addEventListener("ended", () => player.stop());
      this.picture = picture(sound);
      this.canvas = element("canvas");
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label",
        `Mel spectrogram of ${sound.name}, ${this.seconds.toFixed(1)} seconds, with pitch`);
      this.canvas.addEventListener("click", (event) => {
        const box = this.canvas.getBoundingClientRect();
        const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
        player.seek(Math.min(Math.max(share, 0), 1) * this.seconds, this);
      });
      this.figure = element("figure", {}, [
        element("figcaption", {}, [
          element("b", { textContent: sound.name }),
          element("span", { textContent: sound.detail }),
        ]),
        this.canvas,
      ]);
    }

    draw(time) {
      const { canvas, sound, data } = this;
      const scale = window.devicePixelRatio || 1;
      const width = canvas.clientWidth, height = canvas.clientHeight;
      if (!width || !height) return;
      if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
      if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
      const style = getComputedStyle(this.player.box);
      const pen = canvas.getContext("2d");
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, width, height);
      const inner = { width: width - LEFT - RIGHT, height: height - TOP - BOTTOM };
      const across = (seconds) => LEFT + inner.width * seconds / this.seconds;
      const up = (share) => TOP + inner.height * (1 - share);
      pen.imageSmoothingEnabled = true;
      pen.drawImage(this.picture, LEFT, TOP, inner.width, inner.height);
      pen.font = "11px Inter, 'Segoe UI', Arial, sans-serif";
      pen.fillStyle = style.getPropertyValue("--muted");
      pen.textBaseline = "middle";
      pen.textAlign = "right";
      for (const [band, label] of data.ticks) {
        pen.fillText(label, LEFT - 5, up((band + 0.5) / sound.bands));
      }
      pen.textAlign = "center";
      const step = this.seconds > 8 ? 2 : this.seconds > 3.2 ? 1 : 0.5;
      for (let second = 0; second < this.seconds; second += step) {
        const text = second ? String(second) : "0 s";
        pen.fillText(text, Math.max(across(second), LEFT + 8), height - 7);
      }
      this.pitch(pen, across, up, style);
      pen.strokeStyle = "#ffffff";
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.moveTo(across(Math.min(time, this.seconds)), TOP);
      pen.lineTo(across(Math.min(time, this.seconds)), TOP + inner.height);
      pen.stroke();
    }

    pitch(pen, across, up, style) {
      const [low, high] = this.data.f0_range;
      const share = (hertz) => Math.log(hertz / low) / Math.log(high / low);
      pen.textAlign = "left";
      for (const hertz of this.data.f0_ticks) {
        pen.fillText(String(hertz), this.canvas.clientWidth - RIGHT + 5, up(share(hertz)));
      }
      for (const [colour, width] of [["#000000aa", 4], [style.getPropertyValue("--f0"), 2]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = width;
        pen.lineJoin = "round";
        pen.beginPath();
        let drawing = false;
        this.sound.f0.forEach((hertz, frame) => {
          if (hertz === null) { drawing = false; return; }
          const place = [across(frame * this.data.hop_s), up(share(hertz))];
          if (drawing) pen.lineTo(...place); else pen.moveTo(...place);
          drawing = true;
        });
        pen.stroke();
      }
    }
  }

  class Player {
    constructor(root, data, dark) {
      this.root = root;
      this.time = 0;
      this.playing = false;
      this.box = element("div", { className: `quantlab-player${dark ? " dark" : ""}`, tabIndex: 0 });
      this.box.setAttribute("role", "group");
      this.box.setAttribute("aria-label", `Player: ${data.title || "sounds"}`);
      this.panels = data.sounds.map((sound) => new Panel(sound, data, this));
      this.build(data);
      root.replaceChildren(this.box);
      this.box.addEventListener("keydown", (event) => this.key(event));
      this.watch = new ResizeObserver(() => this.draw());
      this.watch.observe(this.box);
      this.choose(0);
    }

    build(data) {
      this.button = element("button", { type: "button", className: "play" });
      this.button.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
      this.switches = this.panels.map((panel, place) => {
        const letter = String.fromCharCode(65 + place);
        const made = element("button", { type: "button", textContent: `${letter} · ${panel.sound.name}` });
        made.setAttribute("aria-label", `Hear ${panel.sound.name}, key ${place + 1}`);
        made.addEventListener("click", () => this.choose(place));
        return made;
      });
      this.clock = element("span", { className: "time" });
      const scale = element("u");
      const colours = [0, 85, 170, 255].map((level) => `rgb(${TABLE[level].map(Math.round)})`);
      scale.style.background = `linear-gradient(90deg, ${colours})`;
      const key = element("p", { className: "key" }, [
        element("i"), "pitch (F0, Hz at the right)  ·  level ", `−${data.range_db} dB`, scale,
        "0 dB below the loudest point  ·  left: kHz  ·  keys: space, 1 to ",
        String(this.panels.length),
      ]);
      this.box.append(
        element("div", { className: "bar" }, [this.button, ...this.switches, this.clock]),
        element("div", { className: "panels" }, this.panels.map((panel) => panel.figure)),
        key,
      );
    }

    get heard() { return this.panels[this.place]; }

    choose(place) {
      const before = this.playing ? this.heard : null;
      if (before) { this.time = before.audio.currentTime; before.audio.pause(); }
      this.place = place;
      this.switches.forEach((one, index) => one.setAttribute("aria-pressed", index === place));
      this.panels.forEach((one, index) => one.figure.classList.toggle("heard", index === place));
      if (before) this.play(); else this.draw();
    }

    play() {
      const { audio } = this.heard;
      if (this.time >= this.heard.seconds - 0.02) this.time = 0;
      audio.currentTime = this.time;
      this.playing = true;
      // Without a sound card a browser may refuse; the page goes on.
      Promise.resolve(audio.play()).catch(() => this.stop());
      this.draw();
      this.follow();
    }

    follow() {
      if (!this.playing || !this.box.isConnected) {
        if (this.playing) this.leave();
        return;
      }
      this.time = this.heard.audio.currentTime;
      this.draw();
      requestAnimationFrame(() => this.follow());
    }

    pause() {
      this.time = this.heard.audio.currentTime;
      this.heard.audio.pause();
      this.playing = false;
      this.draw();
    }

    stop() {
      this.playing = false;
      this.time = 0;
      this.draw();
    }

    seek(seconds, panel) {
      this.time = seconds;
      if (panel !== this.heard) this.choose(this.panels.indexOf(panel));
      this.time = seconds;
      this.heard.audio.currentTime = seconds;
      this.draw();
    }

    key(event) {
      const place = Number(event.key) - 1;
      if (event.key === " " && event.target.tagName !== "BUTTON") {
        event.preventDefault();
        if (this.playing) this.pause(); else this.play();
      } else if (place >= 0 && place < this.panels.length) {
        this.choose(place);
      }
    }

    draw() {
      this.button.textContent = this.playing ? "❚❚ Pause" : "▶ Play";
      const whole = this.heard ? this.heard.seconds : 0;
      this.clock.textContent = `${this.time.toFixed(1)} of ${whole.toFixed(1)} s`;
      this.panels.forEach((panel) => panel.draw(this.time));
    }

    leave() {
      this.playing = false;
      this.watch.disconnect();
      this.panels.forEach((panel) => {
        panel.audio.pause();
        if (panel.made) URL.revokeObjectURL(panel.made);
      });
    }
  }

  const shown = new WeakMap();
  return (root, data, options = {}) => {
    shown.get(root)?.leave();
    const player = new Player(root, data, Boolean(options.dark));
    shown.set(root, player);
    return player;
  };
})();
