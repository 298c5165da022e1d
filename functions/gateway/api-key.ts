/** Why a text cannot be the gateway's API key, to follow what holds it ("The secret …"); undefined if it can. */
export function whyNoApiKey(text: string): string | undefined {
  if (text === '') return 'is empty';
  // As the console of Secrets Manager stores what is typed in as a key and a value. It may hold more than the API key.
  if (/^[{["]/.test(text)) return 'holds JSON: store the key as plain text';
  // Printable ASCII without blanks, as it goes into a header.
  if (/[^\x21-\x7e]/.test(text)) return 'holds characters that no API key has';
  return undefined;
}
