// The player of a recording: picture, keys, speed, sides. The audio itself is streamed by the browser, in ranges.

import { Sides } from "./sides.js";
import { drawAxis, drawSpeech, drawWaves } from "./waveform.js";

const data = JSON.parse(document.getElementById("recording-data").textContent);
const byId = (id) => document.getElementById(id);
const audio = byId("audio");
const picture = byId("picture");
const lanes = [...picture.querySelectorAll("[data-lane]")];
const scrub = byId("scrub");
const STEP_S = 5;

let durationS = (data.durationMs ?? 0) / 1000;
let peaks = null;

export function clock(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

function tell(text) {
  byId("message").textContent = text;
}

// ---- picture

function draw() {
  if (durationS > 0) drawAxis(byId("axis"), durationS, clock);
  if (peaks) drawWaves(lanes, peaks);
}

function shareWords(channel) {
  const spoken = channel.speech.reduce((sum, [start, end]) => sum + end - start, 0);
  return `speaks ${clock(spoken / 1000)} · ${Math.round((100 * spoken) / Math.max(peaks.durationMs, 1))} %`;
}

async function showPeaks() {
  picture.setAttribute("aria-busy", "true");
  picture.classList.add("waiting");
  try {
    const answer = await fetch(data.peaksUrl, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    peaks = await answer.json();
    if (durationS <= 0) setDuration(peaks.durationMs / 1000);
    lanes.forEach((lane, index) => {
      if (peaks.channels[index]) lane.querySelector("[data-share]").textContent = shareWords(peaks.channels[index]);
    });
    drawSpeech(lanes, peaks);
    draw();
    picture.classList.add("drawn");
  } catch {
    tell("The picture of this recording cannot be drawn at the moment.");
  } finally {
    picture.classList.remove("waiting");
    picture.removeAttribute("aria-busy");
  }
}

// ---- position

function setDuration(seconds) {
  durationS = seconds;
  scrub.setAttribute("aria-valuemax", seconds.toFixed(1));
  byId("duration").textContent = clock(seconds);
}

function showPosition() {
  const at = audio.currentTime;
  const share = durationS > 0 ? Math.min(at / durationS, 1) : 0;
  picture.style.setProperty("--played", `${100 * share}%`);
  byId("position").textContent = clock(at);
  scrub.setAttribute("aria-valuenow", at.toFixed(1));
  scrub.setAttribute("aria-valuetext", `${clock(at)} of ${clock(durationS)}`);
}

function seek(seconds) {
  audio.currentTime = Math.min(Math.max(seconds, 0), Math.max(durationS - 0.05, 0));
  showPosition();
}

function placeOf(event) {
  const box = scrub.getBoundingClientRect();
  return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * durationS;
}

function showHover(event) {
  const hover = byId("hover-time");
  hover.hidden = false;
  hover.textContent = clock(placeOf(event));
  const box = scrub.getBoundingClientRect();
  hover.style.left = `${Math.min(Math.max(event.clientX - box.left, 22), box.width - 22)}px`;
}

function followPointer() {
  scrub.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    scrub.setPointerCapture(event.pointerId);
    seek(placeOf(event));
  });
  scrub.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") showHover(event);
    if (scrub.hasPointerCapture(event.pointerId)) seek(placeOf(event));
  });
  scrub.addEventListener("pointerleave", () => { byId("hover-time").hidden = true; });
}

// ---- playing

async function toggle() {
  if (!audio.paused) {
    audio.pause();
    return;
  }
  try {
    if (audio.ended) seek(0);
    await audio.play();
  } catch (error) {
    if (error.name !== "AbortError" && !audio.error) tell("The browser did not start to play: press play once more.");
  }
}

function showPlaying() {
  const isPlaying = !audio.paused;
  byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  byId("player").classList.toggle("playing", isPlaying);
  if (isPlaying) requestAnimationFrame(follow);
}

function follow() {
  showPosition();
  if (!audio.paused) requestAnimationFrame(follow);
}

const FAULTS = {
  1: "Playing was stopped.",
  2: "The connection broke: press play to go on.",
  3: "The browser cannot read this recording.",
};

function showFault() {
  const isUnknown = data.mediaType && audio.canPlayType(data.mediaType) === "";
  const words = isUnknown
    ? `This browser does not play ${data.mediaType}: try another browser, or download the file if you may.`
    : FAULTS[audio.error?.code] ?? "The recording cannot be played: it may be away for a moment, or the link may be over. Load the page again.";
  tell(words);
}

// ---- speed, volume

function changeSpeed(by) {
  const speed = byId("speed");
  speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.options.length - 1);
  setSpeed();
  tell(`Speed ${speed.value}`);
}

function setSpeed() {
  audio.playbackRate = Number(byId("speed").value);
  audio.defaultPlaybackRate = audio.playbackRate;
}

function toggleSound() {
  audio.muted = !audio.muted;
  tell(audio.muted ? "Sound off" : "Sound on");
}

// ---- keys

const KEYS = {
  " ": toggle,
  k: toggle,
  ArrowLeft: () => seek(audio.currentTime - STEP_S),
  ArrowRight: () => seek(audio.currentTime + STEP_S),
  Home: () => seek(0),
  End: () => seek(durationS),
  "<": () => changeSpeed(-1),
  ">": () => changeSpeed(1),
  m: toggleSound,
};

function isForControl(event) {
  const target = event.target;
  if (target.closest("select, textarea, video, [contenteditable]")) return true;
  const input = target.closest("input");
  if (input?.type === "radio") return event.key.startsWith("Arrow");
  if (input) return input.type !== "range" || event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
  return event.key === " " && target.closest("button, a, summary") !== null;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isForControl(event)) return;
  const isDigit = /^[0-9]$/.test(event.key);
  const act = isDigit ? () => seek((durationS * Number(event.key)) / 10) : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function start() {
  audio.removeAttribute("controls");
  for (const id of ["controls", "scrub", "playhead"]) byId(id).hidden = false;
  byId("play").addEventListener("click", toggle);
  byId("back").addEventListener("click", () => seek(audio.currentTime - STEP_S));
  byId("forward").addEventListener("click", () => seek(audio.currentTime + STEP_S));
  byId("speed").addEventListener("change", setSpeed);
  byId("volume").addEventListener("input", (event) => { audio.volume = Number(event.target.value); });
  const sides = new Sides(audio);
  byId("channels")?.addEventListener("change", (event) => sides.choose(event.target.value));
  for (const button of document.querySelectorAll("[data-seek-ms]")) {
    button.addEventListener("click", () => seek(Number(button.dataset.seekMs) / 1000));
  }
  for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, showPlaying);
  for (const name of ["seeked", "timeupdate"]) audio.addEventListener(name, showPosition);
  audio.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(audio.duration) && audio.duration > 0) setDuration(audio.duration);
    draw();
  });
  audio.addEventListener("waiting", () => byId("player").classList.add("loading"));
  for (const name of ["playing", "pause", "error"]) {
    audio.addEventListener(name, () => byId("player").classList.remove("loading"));
  }
  audio.addEventListener("playing", () => tell(""));
  audio.addEventListener("error", showFault);
  document.addEventListener("keydown", onKey);
  followPointer();
  if (data.mediaType && audio.canPlayType(data.mediaType) === "") showFault();
  showPeaks();
}

new ResizeObserver(draw).observe(picture);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
if (audio) start();
