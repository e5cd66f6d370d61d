// Times in the zone of who looks at them, with UTC beside; and the search form's times the other way round.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isUtc = ["UTC", "Etc/UTC", "GMT", "Etc/GMT"].includes(zone);
const date = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "2-digit" });
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const zoneName = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" });

function zoneOf(moment) {
  return zoneName.formatToParts(moment).find((part) => part.type === "timeZoneName")?.value ?? zone;
}

function utcText(moment, local) {
  const [day, clock] = moment.toISOString().slice(0, 19).split("T");
  const isSameDay = local.getFullYear() === moment.getUTCFullYear() && local.getMonth() === moment.getUTCMonth()
    && local.getDate() === moment.getUTCDate();
  return isSameDay ? `${clock} UTC` : `${day} ${clock} UTC`;
}

function show(element) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const here = `${date.format(moment)}, ${time.format(moment)}`;
  const utc = document.createElement("span");
  utc.className = "utc";
  utc.textContent = isUtc ? "UTC" : element.dataset.local === "inline" ? zoneOf(moment) : utcText(moment, moment);
  element.replaceChildren(`${here} `, utc);
  element.title = isUtc ? "" : `${zoneOf(moment)} (${zone}); ${moment.toISOString()}`;
}

function toLocalInput(moment) {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

for (const element of document.querySelectorAll("time[data-local]")) show(element);

const form = document.getElementById("search");
if (form) {
  const inputs = [...form.querySelectorAll("input[data-utc-input]")];
  for (const input of inputs) {
    const moment = new Date(`${input.value}Z`);
    if (!Number.isNaN(moment.getTime())) input.value = toLocalInput(moment);
    const label = form.querySelector(`label[for="${input.id}"] [data-zone]`);
    if (label) label.textContent = isUtc ? "(UTC)" : `(${zoneOf(new Date())})`;
  }
  const shownAtFirst = new Map(inputs.map((input) => [input.name, input.value]));
  const isGiven = new URLSearchParams(location.search);
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
    const isUntouched = inputs.every((input) => input.value === shownAtFirst.get(input.name) && !isGiven.has(input.name));
    for (const input of inputs) {
      const moment = new Date(input.value);
      if (isUntouched) event.formData.delete(input.name); // the last 24 hours stay the last 24 hours
      else if (!Number.isNaN(moment.getTime())) event.formData.set(input.name, moment.toISOString().replace(".000Z", "Z"));
    }
  });
}
