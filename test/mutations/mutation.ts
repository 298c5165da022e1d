/** A change of the code that a test must notice. */
export interface Mutation {
  /** What goes wrong with it, for people. */
  what: string;
  file: string;
  /** Stands in the file exactly once. */
  find: string;
  replace: string;
  /** The test that falls. */
  test: string;
}
