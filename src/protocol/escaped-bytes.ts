// Text whose bytes are written as a mark and two hex digits: %20 in the values of addresses, _20 in path elements.
// It knows neither of them. Tests: address.test.ts, path-element.test.ts. Specification: Server Addresses.

/** The UTF-8 bytes of a character, each as `mark` and two hex digits in lower case. The character is well-formed. */
export function escapeBytes(character: string, mark: '%' | '_'): string {
  const escaped = encodeURIComponent(character); // which leaves some ASCII as it is
  if (escaped === character) return mark + character.charCodeAt(0).toString(16).padStart(2, '0');
  return escaped.toLowerCase().replaceAll('%', mark);
}
