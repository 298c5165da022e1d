/** Name of the object, under the results prefix, that holds uploads back for as long as it stands. No result ends so. */
export const PAUSE_FILE = 'paused.json';
