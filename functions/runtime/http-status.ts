/** Whether the same request may be answered better later. */
export function isTransient(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}
