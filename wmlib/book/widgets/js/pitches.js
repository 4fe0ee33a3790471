/**
 * The batter of chapter 1: ten noisy heights of a ball, and four ways to guess where it arrives.
 * Metres and seconds; the same flight and the same batters as in the chapter's code.
 */

export const PITCH = { distance: 16.8, speed: 42.0, swing: 0.15, gravity: 9.81, looks: 10,
  blur: 0.005, reach: 0.05, usualSpin: 4.0, spinSpread: 1.0 };
export const FLIGHT_TIME = PITCH.distance / PITCH.speed;
export const BATTERS = ["no model", "straight line", "given physics", "learned model"];

/** @typedef {{ y0: number, v0: number, spin: number }} Ball */

/**
 * Height at time t: gravity pulls the ball down, back spin holds it up.
 * @param {number} t
 * @param {Ball} ball
 */
export function heightAt(t, ball) {
  return ball.y0 + ball.v0 * t + ((ball.spin - PITCH.gravity) * t * t) / 2;
}

/**
 * Pitches, all a little different, aimed at a zone.
 * @param {number} count
 * @param {number} meanSpin
 * @param {import("./chance.js").Chance} chance
 * @returns {Ball[]}
 */
export function throwPitches(count, meanSpin, chance) {
  return Array.from({ length: count }, () => {
    const y0 = 1.8 + 0.05 * chance.normal();
    const spin = meanSpin + PITCH.spinSpread * chance.normal();
    const arrive = 0.9 + 0.2 * chance.normal();
    const fall = ((spin - PITCH.gravity) * FLIGHT_TIME ** 2) / 2;
    return { y0, v0: (arrive - y0 - fall) / FLIGHT_TIME, spin };
  });
}

/**
 * When the batter looks; the last look is as old as the picture in the head when the swing begins.
 * @param {number} age
 */
export function lookTimes(age) {
  const until = FLIGHT_TIME - PITCH.swing - age;
  return Array.from({ length: PITCH.looks }, (_, i) => (until * i) / (PITCH.looks - 1));
}

/**
 * What the eye sends: heights at those times, each half a centimetre wrong.
 * @param {Ball} ball
 * @param {number[]} times
 * @param {import("./chance.js").Chance} chance
 */
export function lookAt(ball, times, chance) {
  return times.map((t) => heightAt(t, ball) + PITCH.blur * chance.normal());
}

/**
 * Where each of the four batters swings.
 * @param {number[]} times
 * @param {number[]} seen
 * @param {ArrayLike<number>} model what `learnBatter` found
 * @returns {number[]} heights, in the order of BATTERS
 */
export function swings(times, seen, model) {
  const learned = seen.reduce((sum, y, i) => sum + y * model[i], model[seen.length]);
  return [seen[seen.length - 1], extended(times, seen, 0),
    extended(times, seen, (PITCH.usualSpin - PITCH.gravity) / 2), learned];
}

/** The best line y = level + slope t + bend t² with a given bend, taken to the plate. */
function extended(/** @type {number[]} */ times, /** @type {number[]} */ seen, /** @type {number} */ bend) {
  const y = seen.map((h, i) => h - bend * times[i] ** 2);
  const meanT = mean(times), meanY = mean(y);
  const slope = times.reduce((sum, t, i) => sum + (t - meanT) * (y[i] - meanY), 0) /
    times.reduce((sum, t) => sum + (t - meanT) ** 2, 0);
  return meanY + slope * (FLIGHT_TIME - meanT) + bend * FLIGHT_TIME ** 2;
}

/** @param {number[]} numbers */
function mean(numbers) {
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}

/**
 * The learned model: least squares from the seen heights and a constant to the arrival.
 * @param {number[][]} seen one row a pitch
 * @param {number[]} arrivals
 * @returns {Float64Array} a weight for each look, and the constant last
 */
export function learnBatter(seen, arrivals) {
  const size = seen[0].length + 1;
  // The normal equations, with the arrival as one more column.
  const rows = Array.from({ length: size }, () => new Float64Array(size + 1));
  seen.forEach((looks, k) => {
    const x = [...looks, 1, arrivals[k]];
    for (let i = 0; i < size; i++) for (let j = 0; j <= size; j++) rows[i][j] += x[i] * x[j];
  });
  return solved(rows);
}

/** Gauss's elimination with the largest pivot; the last column is the right-hand side. */
function solved(/** @type {Float64Array[]} */ rows) {
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= n; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  return Float64Array.from(rows, (row, k) => row[n] / row[k]);
}

/**
 * Watch pitches of one spin and learn from them.
 * @param {number} count
 * @param {number} meanSpin
 * @param {number} age
 * @param {import("./chance.js").Chance} chance
 */
export function practise(count, meanSpin, age, chance) {
  const balls = throwPitches(count, meanSpin, chance), times = lookTimes(age);
  return learnBatter(balls.map((ball) => lookAt(ball, times, chance)),
    balls.map((ball) => heightAt(FLIGHT_TIME, ball)));
}

/**
 * The share of new pitches that each batter hits, and how far off the swings are on average.
 * @param {Ball[]} balls
 * @param {number} age
 * @param {ArrayLike<number>} model
 * @param {import("./chance.js").Chance} chance
 */
export function contacts(balls, age, model, chance) {
  const times = lookTimes(age), hits = [0, 0, 0, 0], errors = [0, 0, 0, 0];
  for (const ball of balls) {
    const arrival = heightAt(FLIGHT_TIME, ball);
    swings(times, lookAt(ball, times, chance), model).forEach((y, i) => {
      hits[i] += Math.abs(y - arrival) < PITCH.reach ? 1 : 0;
      errors[i] += Math.abs(y - arrival);
    });
  }
  return { shares: hits.map((n) => n / balls.length), errors: errors.map((e) => e / balls.length) };
}
