// When the sun rises and sets. Pure arithmetic, no clock. The equations are those of the NOAA Solar Calculator
// (gml.noaa.gov/grad/solcalc/calcdetails.html), which are from J. Meeus, Astronomical Algorithms, 2nd edition, chapters 25
// and 28; good to a minute below 72 degrees of latitude from 1900 to 2100.

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** 1 January 2000, 12:00: the Julian date 2451545. */
const J2000_MS = 946_728_000_000;
const CENTURY_MS = 36_525 * DAY_MS;
/** Rise and set are when the upper limb is on the horizon: 0.833 degrees for refraction and the radius of the disc. */
const ZENITH = radians(90.833);
/** Every round takes the sun from where it stands at the time found before; the third changes less than a second. */
const ROUNDS = 3;

/** Degrees, north and east positive. */
export interface Coordinates {
  readonly latitude: number;
  readonly longitude: number;
}

/** Milliseconds since 1970. */
export interface SunTimes {
  readonly riseMs: number;
  readonly noonMs: number;
  /** May be after midnight where nights are bright. */
  readonly setMs: number;
}

/**
 * Rise before and set after the solar noon closest to `aroundMs`, to the second. Where the sun does not set on that day, it
 * rises and sets at solar midnight, twelve hours before and after its noon; where it does not rise, both are at noon: the
 * limits of a day that grows to 24 hours or shrinks to none.
 */
export function sunTimes(aroundMs: number, { latitude, longitude }: Coordinates): SunTimes {
  let noonMs = noonNear(aroundMs, longitude, aroundMs);
  noonMs = noonNear(noonMs, longitude, aroundMs);
  let [riseMs, setMs] = [noonMs, noonMs];
  for (let round = 0; round < ROUNDS; round += 1) {
    riseMs = noonNear(riseMs, longitude, noonMs) - halfDayMs(riseMs, latitude);
    setMs = noonNear(setMs, longitude, noonMs) + halfDayMs(setMs, latitude);
  }
  return { riseMs: toSecond(riseMs), noonMs: toSecond(noonMs), setMs: toSecond(setMs) };
}

/** Solar noon next to `nearMs`, with the equation of time as it is at `atMs`. */
function noonNear(atMs: number, longitude: number, nearMs: number): number {
  const dayMs = Math.floor(nearMs / DAY_MS) * DAY_MS;
  const noonMs = dayMs + (720 - 4 * longitude - sunAt(atMs).equationOfTimeMinutes) * MINUTE_MS;
  return noonMs + Math.round((nearMs - noonMs) / DAY_MS) * DAY_MS;
}

/** From rise to noon with the sun's declination as it is at `atMs`; 0 to twelve hours. */
function halfDayMs(atMs: number, latitude: number): number {
  const { declination } = sunAt(atMs);
  const phi = radians(latitude);
  const cosine =
    Math.cos(ZENITH) / (Math.cos(phi) * Math.cos(declination)) - Math.tan(phi) * Math.tan(declination);
  return degrees(Math.acos(Math.min(1, Math.max(-1, cosine)))) * 4 * MINUTE_MS;
}

/** Declination in radians; by how much a sundial is ahead of the mean sun, in minutes. */
function sunAt(atMs: number): { declination: number; equationOfTimeMinutes: number } {
  const t = (atMs - J2000_MS) / CENTURY_MS;
  const meanLongitude = radians((280.46646 + t * (36000.76983 + t * 0.0003032)) % 360);
  const anomaly = radians(357.52911 + t * (35999.05029 - 0.0001537 * t));
  const eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t);
  const centre =
    Math.sin(anomaly) * (1.914602 - t * (0.004817 + 0.000014 * t)) +
    Math.sin(2 * anomaly) * (0.019993 - 0.000101 * t) +
    Math.sin(3 * anomaly) * 0.000289;
  const node = radians(125.04 - 1934.136 * t);
  const longitude = meanLongitude + radians(centre - 0.00569 - 0.00478 * Math.sin(node));
  const meanObliquity = 23 + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60;
  const obliquity = radians(meanObliquity + 0.00256 * Math.cos(node));
  const y = Math.tan(obliquity / 2) ** 2;
  const equationOfTime =
    y * Math.sin(2 * meanLongitude) -
    2 * eccentricity * Math.sin(anomaly) +
    4 * eccentricity * y * Math.sin(anomaly) * Math.cos(2 * meanLongitude) -
    0.5 * y * y * Math.sin(4 * meanLongitude) -
    1.25 * eccentricity * eccentricity * Math.sin(2 * anomaly);
  return {
    declination: Math.asin(Math.sin(obliquity) * Math.sin(longitude)),
    equationOfTimeMinutes: 4 * degrees(equationOfTime),
  };
}

function toSecond(atMs: number): number {
  return Math.round(atMs / 1000) * 1000;
}

function radians(angle: number): number {
  return (angle * Math.PI) / 180;
}

function degrees(angle: number): number {
  return (angle * 180) / Math.PI;
}
