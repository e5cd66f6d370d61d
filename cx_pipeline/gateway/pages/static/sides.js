// Lets one side of a recording of two channels be heard alone, on both ears.

export class Sides {
  constructor(audio) {
    this.audio = audio;
    this.context = null;
  }

  // `choice` is "both" or the number of a channel. Built when first asked for: a browser wants a person's act before.
  choose(choice) {
    if (choice === "both" && !this.context) return;
    if (!this.context) this.build();
    this.context.resume();
    const gains = choice === "both" ? [[1, 0], [0, 1]] : choice === "0" ? [[1, 1], [0, 0]] : [[0, 0], [1, 1]];
    this.gains.forEach((row, from) => row.forEach((gain, to) => { gain.gain.value = gains[from][to]; }));
  }

  build() {
    const context = new AudioContext();
    const source = context.createMediaElementSource(this.audio);
    const splitter = context.createChannelSplitter(2);
    const merger = context.createChannelMerger(2);
    source.connect(splitter);
    this.gains = [0, 1].map((from) => [0, 1].map((to) => {
      const gain = context.createGain();
      splitter.connect(gain, from);
      gain.connect(merger, 0, to);
      return gain;
    }));
    merger.connect(context.destination);
    this.audio.addEventListener("play", () => context.resume());
    this.context = context;
  }
}
