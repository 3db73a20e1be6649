// A reader for the part of XML that introspection data is written in: elements and their attributes.
// Text, comments, processing instructions, CDATA and the document type are passed over unread. Nothing is ever expanded
// but the five predefined entities and character references, nothing is fetched, and each character is looked at a
// bounded number of times. Reference: Extensible Markup Language 1.0, sections 2 and 3.1.
import { IntrospectionError, type IntrospectionErrorCode } from './errors.js';

/** An element begins. An empty one, `<a/>`, begins and ends. */
export interface StartTag {
  readonly kind: 'start';
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Where its `<` is. */
  readonly offset: number;
}

/** The innermost open element ends. */
export interface EndTag {
  readonly kind: 'end';
  readonly offset: number;
}

interface XmlLimits {
  /** Most UTF-16 code units of text. */
  readonly maxLength: number;
  /** Most elements inside one another. */
  readonly maxDepth: number;
}

const NAME = /[A-Za-z_:\u0080-\uffff][-.\w:\u0080-\uffff]*/y;
const SPACE = /[ \t\r\n]*/y;
// What XML 1.0 has no way to say, not even by reference.
const FORBIDDEN_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'], ['lt', '<'], ['gt', '>'], ['quot', '"'], ['apos', "'"],
]);

/** The character that `&…;` stands for; undefined for what is no reference or would need a declaration. */
function dereference(reference: string): string | undefined {
  const digits = /^#(?:x([0-9A-Fa-f]+)|([0-9]+))$/.exec(reference);
  if (digits === null) return ENTITIES.get(reference);
  const [, hexadecimal, decimal] = digits;
  const codePoint = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
  if (codePoint > 0x10ffff) return undefined;
  const character = String.fromCodePoint(codePoint);
  return FORBIDDEN_CHARACTER.test(character) || !character.isWellFormed() ? undefined : character;
}

/** Reads a document tag by tag. */
export class XmlReader {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #open: string[] = [];
  #offset = 0;
  #rootSeen = false;
  #emptyElement: EndTag | undefined;

  /** @throws {IntrospectionError} if the text is longer than the limit, or has characters that no XML may have */
  constructor(text: string, { maxLength, maxDepth }: XmlLimits) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    if (text.length > maxLength) {
      throw this.error('TOO_LONG', `introspection data of more than ${maxLength} characters`, maxLength);
    }
    const forbidden = text.search(FORBIDDEN_CHARACTER);
    if (forbidden >= 0) throw this.error('CHARACTER_INVALID', 'a character that XML may not have', forbidden);
    if (text.startsWith('\ufeff')) this.#offset = 1;
  }

  /**
   * The next tag; undefined after the root element has ended and nothing else follows.
   * @throws {IntrospectionError} if the text is not well-formed, or elements are nested deeper than the limit
   */
  next(): StartTag | EndTag | undefined {
    const pending = this.#emptyElement;
    if (pending !== undefined) {
      this.#emptyElement = undefined;
      this.#open.pop();
      return pending;
    }
    for (;;) {
      const start = this.#skipText();
      if (start === undefined) return undefined;
      if (this.#takes('<!--')) this.#skipPast('-->', start, 'comment');
      else if (this.#takes('<?')) this.#skipPast('?>', start, 'processing instruction');
      else if (this.#takes('<![CDATA[')) {
        if (this.#open.length === 0) throw this.error('TEXT_OUTSIDE', 'text outside of the root element', start);
        this.#skipPast(']]>', start, 'CDATA section');
      } else if (this.#takes('<!DOCTYPE')) this.#skipDoctype(start);
      else if (this.#takes('</')) return this.#endTag(start);
      else return this.#startTag(start);
    }
  }

  /** An error at `offset`; its line is counted only here. */
  error(code: IntrospectionErrorCode, problem: string, offset: number, options?: ErrorOptions): IntrospectionError {
    let line = 1;
    for (let at = this.#text.indexOf('\n'); at >= 0 && at < offset; at = this.#text.indexOf('\n', at + 1)) line++;
    return new IntrospectionError(code, problem, { offset, line }, options);
  }

  /** Passes over text, which means nothing here, to the next `<`. */
  #skipText(): number | undefined {
    const markup = this.#text.indexOf('<', this.#offset);
    const end = markup < 0 ? this.#text.length : markup;
    if (this.#open.length === 0) {
      this.#skipSpace();
      if (this.#offset < end) throw this.error('TEXT_OUTSIDE', 'text outside of the root element', this.#offset);
    }
    this.#offset = end;
    if (markup >= 0) return markup;
    const unclosed = this.#open.at(-1);
    if (unclosed !== undefined) throw this.error('NOT_TERMINATED', `<${unclosed}> is not closed`, end);
    if (!this.#rootSeen) throw this.error('ROOT_INVALID', 'there is no root element', end);
    return undefined;
  }

  #takes(markup: string): boolean {
    if (!this.#text.startsWith(markup, this.#offset)) return false;
    this.#offset += markup.length;
    return true;
  }

  #skipSpace(): boolean {
    SPACE.lastIndex = this.#offset;
    SPACE.test(this.#text);
    const skipped = SPACE.lastIndex > this.#offset;
    this.#offset = SPACE.lastIndex;
    return skipped;
  }

  #skipPast(closing: string, start: number, what: string): void {
    const end = this.#text.indexOf(closing, this.#offset);
    if (end < 0) throw this.error('NOT_TERMINATED', `a ${what} that is not terminated`, start);
    this.#offset = end + closing.length;
  }

  /** Passes over the document type; declarations in it are not read, so that there is nothing to expand. */
  #skipDoctype(start: number): void {
    if (this.#rootSeen) throw this.error('MARKUP_INVALID', 'a document type after the root element began', start);
    const delimiter = /["'[\]>]|<!--|<\?/g;
    let inSubset = false;
    for (;;) {
      delimiter.lastIndex = this.#offset;
      const found = delimiter.exec(this.#text)?.[0];
      if (found === undefined) throw this.error('NOT_TERMINATED', 'a document type that is not terminated', start);
      this.#offset = delimiter.lastIndex;
      if (found === '<!--') this.#skipPast('-->', start, 'document type');
      else if (found === '<?') this.#skipPast('?>', start, 'document type');
      else if (found === '"' || found === "'") this.#skipPast(found, start, 'document type');
      else if (found === '[') inSubset = true;
      else if (found === ']') inSubset = false;
      else if (!inSubset) return;
    }
  }

  #name(what: string): string {
    NAME.lastIndex = this.#offset;
    const name = NAME.exec(this.#text)?.[0];
    if (name === undefined) throw this.error('NAME_INVALID', `the name of ${what} is expected`, this.#offset);
    this.#offset = NAME.lastIndex;
    return name;
  }

  #endTag(start: number): EndTag {
    const name = this.#name('an element');
    this.#skipSpace();
    if (!this.#takes('>')) throw this.#unterminated(`</${name}`, start);
    const opened = this.#open.pop();
    if (opened !== name) {
      const problem = opened === undefined ? `</${name}> closes nothing` : `</${name}> where </${opened}> is expected`;
      throw this.error('TAG_MISMATCH', problem, start);
    }
    return { kind: 'end', offset: start };
  }

  #startTag(start: number): StartTag {
    this.#offset = start + 1;
    const name = this.#name('an element');
    if (this.#open.length === 0 && this.#rootSeen) throw this.error('ROOT_INVALID', 'a second root element', start);
    if (this.#open.length >= this.#maxDepth) {
      throw this.error('TOO_DEEP', `more than ${this.#maxDepth} elements inside one another`, start);
    }
    this.#rootSeen = true;
    const attributes = new Map<string, string>();
    for (;;) {
      const spaced = this.#skipSpace();
      const empty = this.#takes('/>');
      if (empty || this.#takes('>')) {
        this.#open.push(name);
        if (empty) this.#emptyElement = { kind: 'end', offset: start };
        return { kind: 'start', name, attributes, offset: start };
      }
      if (this.#offset >= this.#text.length || !spaced) throw this.#unterminated(`<${name}`, start);
      this.#attribute(attributes);
    }
  }

  #attribute(attributes: Map<string, string>): void {
    const start = this.#offset;
    const name = this.#name('an attribute');
    if (attributes.has(name)) throw this.error('ATTRIBUTE_DUPLICATE', `attribute ${name} is there twice`, start);
    this.#skipSpace();
    const hasValue = this.#takes('=');
    this.#skipSpace();
    const quote = this.#text.charAt(this.#offset);
    if (!hasValue || (quote !== '"' && quote !== "'")) {
      throw this.error('ATTRIBUTE_INVALID', `attribute ${name} has no value in quotes`, start);
    }
    const valueStart = ++this.#offset;
    this.#skipPast(quote, start, 'value of an attribute');
    const value = this.#text.slice(valueStart, this.#offset - 1);
    if (value.includes('<')) throw this.error('ATTRIBUTE_INVALID', `"<" in the value of attribute ${name}`, start);
    attributes.set(name, this.#unescape(value, valueStart));
  }

  #unescape(value: string, valueStart: number): string {
    let text = '';
    let end = 0;
    // One pass: what a reference stands for is never read again. Line ends and tabs are spaces in an attribute.
    for (const special of value.matchAll(/&([^&;]*;)?|\r\n|[\t\r\n]/g)) {
      const [source, reference = ''] = special;
      const character = source.startsWith('&') ? dereference(reference.slice(0, -1)) : ' ';
      if (character === undefined) {
        const problem = 'a reference other than &amp; &lt; &gt; &quot; &apos; or to a character';
        throw this.error('ENTITY_INVALID', problem, valueStart + special.index);
      }
      text += value.slice(end, special.index) + character;
      end = special.index + source.length;
    }
    return text + value.slice(end);
  }

  #unterminated(tag: string, start: number): IntrospectionError {
    return this.#offset >= this.#text.length
      ? this.error('NOT_TERMINATED', `${tag} is not terminated`, start)
      : this.error('MARKUP_INVALID', `unexpected "${this.#text.charAt(this.#offset)}" in ${tag}`, this.#offset);
  }
}
