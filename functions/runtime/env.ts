/** The value of an environment variable that the stack sets; missing means a broken deployment, so it fails at start-up. */
export function env(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`The environment variable ${name} is not set. Deploy the stack again.`);
  return value;
}
