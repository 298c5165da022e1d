/**
 * Time limit of connecting to one of a host's several addresses, in milliseconds. By Node's own 250 ms one lost packet
 * rules an address out: TCP sends it again after 1 s. Four addresses fit in the 10 s that `fetch` connects for at most.
 */
export const CONNECT_ATTEMPT_MS = 2_500;
