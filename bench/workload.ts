import { luck } from '../local/simulation/luck.ts';

/** How long removals take, in seconds. */
export interface Workload {
  name: string;
  jobSeconds: number[];
}

/** A mix is assumed to be log-normal, as service times mostly are: half take under 12 s, one in twenty over 32 s. */
const MEDIAN_SECONDS = 12;
const SPREAD = 0.6;
const SHORTEST_SECONDS = 2;
const LONGEST_SECONDS = 120;

/** Jobs of about one length: 10 % up or down, or else all of them would end at the same point between two polls. */
export function around(seconds: number, count: number): Workload {
  const random = luck(seconds);
  return { name: `${seconds} s`, jobSeconds: Array.from({ length: count }, () => seconds * (0.9 + 0.2 * random())) };
}

/** Jobs of all lengths. */
export function mix(count: number): Workload {
  const random = luck(MEDIAN_SECONDS);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const one = () => Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, MEDIAN_SECONDS * Math.exp(SPREAD * normal())));
  return { name: 'mix', jobSeconds: Array.from({ length: count }, one) };
}
