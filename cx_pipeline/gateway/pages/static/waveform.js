// Draws a recording's levels: for each lane a bar every few pixels, the loudest sample light, the mean level strong.

const BAR = 2;
const GAP = 1;
const FULL = 255;

function level(values, from, to) {
  let most = 0;
  for (let index = from; index < to; index += 1) if (values[index] > most) most = values[index];
  return most;
}

function height(value, loudest) {
  return (value / loudest) ** 0.75; // soft voices are still seen
}

function drawLane(canvas, channel, loudest, color) {
  const { clientWidth: width, clientHeight: tall } = canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(tall * ratio);
  const paint = canvas.getContext("2d");
  paint.scale(ratio, ratio);
  paint.fillStyle = color;
  const bars = Math.max(Math.floor(width / (BAR + GAP)), 1);
  const points = channel.peak.length;
  for (let bar = 0; bar < bars; bar += 1) {
    const from = Math.floor((bar * points) / bars);
    const to = Math.max(Math.floor(((bar + 1) * points) / bars), from + 1);
    for (const [values, alpha] of [[channel.peak, 0.42], [channel.rms, 1]]) {
      const size = Math.max(height(level(values, from, Math.min(to, points)), loudest) * (tall - 2), 1);
      paint.globalAlpha = alpha;
      paint.beginPath();
      paint.roundRect(bar * (BAR + GAP), (tall - size) / 2, BAR, size, 1);
      paint.fill();
    }
  }
}

export function drawWaves(lanes, peaks) {
  const loudest = Math.max(...peaks.channels.map((channel) => level(channel.peak, 0, channel.peak.length)), FULL / 12);
  lanes.forEach((lane, index) => {
    const channel = peaks.channels[index];
    if (!channel || !channel.peak.length) return;
    const style = getComputedStyle(lane);
    drawLane(lane.querySelector("canvas.rest"), channel, loudest, style.getPropertyValue("--wave-rest").trim());
    drawLane(lane.querySelector("canvas.played"), channel, loudest, style.getPropertyValue("--wave").trim());
  });
}

export function drawSpeech(lanes, peaks) {
  lanes.forEach((lane, index) => {
    const channel = peaks.channels[index];
    const bar = lane.querySelector("svg.speech");
    if (!channel || !bar) return;
    bar.replaceChildren(...channel.speech.map(([start, end]) => {
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      rect.setAttribute("x", `${(100 * start) / peaks.durationMs}%`);
      rect.setAttribute("width", `${(100 * (end - start)) / peaks.durationMs}%`);
      rect.setAttribute("height", "100%");
      rect.setAttribute("rx", "2");
      return rect;
    }));
  });
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

export function drawAxis(axis, durationS, clock) {
  const most = Math.max(Math.floor(axis.clientWidth / 80), 2);
  const step = STEPS_S.find((each) => durationS / each <= most) ?? 14_400;
  const ticks = [];
  for (let at = 0; at <= durationS; at += step) {
    if (at > 0 && (durationS - at) / durationS < 0.04) break; // would stand out at the edge
    const tick = document.createElement("span");
    tick.textContent = clock(at);
    tick.style.left = `${(100 * at) / durationS}%`;
    ticks.push(tick);
  }
  axis.replaceChildren(...ticks);
}
