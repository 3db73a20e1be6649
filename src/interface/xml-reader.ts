// Reads the part of XML that introspection data and configuration files use: elements, their attributes, and the text
// of an element. It skips comments, processing instructions and the document type. It expands only the five predefined
// entities and character references, fetches nothing, and reads each character a bounded number of times. It does not
// know what the elements mean.
// Tests: parse-introspection.test.ts. Reference: Extensible Markup Language 1.0, sections 2 and 3.1.
import type { IntrospectionErrorCode } from './errors.js';

/** The start of an element. An empty element, `<a/>`, has a start tag and an end tag. */
export interface StartTag {
  readonly kind: 'start';
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** The offset of its `<`. */
  readonly offset: number;
}

/** The end of the innermost open element. */
export interface EndTag {
  readonly kind: 'end';
  readonly offset: number;
}

/** The rule that a document breaks: all kinds of documents share the codes of introspection data. */
export type XmlErrorCode = IntrospectionErrorCode;

/** Makes the error of one kind of document. `offset` counts UTF-16 code units from 0, `line` counts from 1. */
export type XmlErrorMaker = (
  code: XmlErrorCode,
  problem: string,
  at: { readonly offset: number; readonly line: number },
  options?: ErrorOptions,
) => Error;

/** One kind of document. */
export interface XmlFormat {
  /** The name of the kind, for errors: `introspection data`. */
  readonly kind: string;
  /** The name of the root element. */
  readonly root: string;
  readonly makeError: XmlErrorMaker;
  /**
   * Gets a mistake that leaves no doubt about the elements: text outside of the root element, an attribute that appears
   * twice, `<` or an unknown reference in its value, a character that XML must not contain. Without it they are thrown.
   */
  readonly tolerate?: (code: XmlErrorCode, problem: string, offset: number) => void;
  /** The greatest length of the text, in UTF-16 code units. */
  readonly maxLength: number;
  /** The greatest depth of nested elements. */
  readonly maxDepth: number;
  /** Whether text between elements is skipped; otherwise it is an error. Default: true. */
  readonly hasLooseText?: boolean;
}

const NAME = /[A-Za-z_:\u00c0-\uffff][-.\w:\u00b7\u00c0-\uffff]*/y;
const SPACE = /[ \t\r\n]*/y;
// The characters that XML 1.0 cannot contain, not even as references.
const FORBIDDEN_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'], ['lt', '<'], ['gt', '>'], ['quot', '"'], ['apos', "'"],
]);

/** The character for a reference `&…;`; undefined if it is not valid, or is an entity that must be declared. */
function dereference(reference: string): string | undefined {
  const digits = /^#(?:x([0-9A-Fa-f]+)|([0-9]+))$/.exec(reference);
  if (digits === null) return ENTITIES.get(reference);
  const [, hexadecimal, decimal] = digits;
  const codePoint = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
  if (codePoint > 0x10ffff) return undefined;
  const character = String.fromCodePoint(codePoint);
  return FORBIDDEN_CHARACTER.test(character) || !character.isWellFormed() ? undefined : character;
}

/** The longest name that the text of an error contains in full. */
const MAX_SHOWN_NAME = 40;

function textOfTag(name: string): string {
  return name.length > MAX_SHOWN_NAME ? `${name.slice(0, MAX_SHOWN_NAME)}…` : name;
}

/** Reads a document tag by tag. */
export class XmlReader {
  readonly #text: string;
  readonly #format: XmlFormat;
  readonly #open: string[] = [];
  #offset = 0;
  #rootSeen = false;
  #emptyElement: EndTag | undefined;

  /** @throws the error of the format, if the text is longer than the limit, or contains characters that XML must not */
  constructor(text: string, format: XmlFormat) {
    this.#text = text;
    this.#format = format;
    const { kind, maxLength } = format;
    if (text.length > maxLength) {
      const problem = `the ${kind} has ${text.length} characters: it must have at most ${maxLength}`;
      throw this.error('TOO_LONG', problem, maxLength);
    }
    const forbidden = text.search(FORBIDDEN_CHARACTER);
    if (forbidden >= 0) {
      this.#mistake('CHARACTER_INVALID', 'found a character that XML must not contain', forbidden);
    }
    if (text.startsWith('\ufeff')) this.#offset = 1;
  }

  /**
   * Returns the next tag; undefined at the end of the text, after the root element.
   * @throws the error of the format, if the text is not well-formed, or elements are nested too deep
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
        if (this.#open.length === 0 || this.#format.hasLooseText === false) this.#textOutside(start);
        this.#skipPast(']]>', start, 'CDATA section');
      } else if (this.#takes('<!DOCTYPE')) this.#skipDoctype(start);
      else if (this.#takes('</')) return this.#endTag(start);
      else return this.#startTag(start);
    }
  }

  /** Skips the rest of the element whose start tag was read last, at any depth of nesting. */
  skip(): void {
    for (let depth = 1; depth > 0;) depth += this.next()?.kind === 'start' ? 1 : -1;
  }

  /** A mistake that the format may tolerate. */
  #mistake(code: XmlErrorCode, problem: string, offset: number): void {
    const { tolerate } = this.#format;
    if (tolerate === undefined) throw this.error(code, problem, offset);
    tolerate(code, problem, offset);
  }

  /** Makes an error at `offset`, and counts the lines up to it. */
  error(code: XmlErrorCode, problem: string, offset: number, options?: ErrorOptions): Error {
    let line = 1;
    for (let at = this.#text.indexOf('\n'); at >= 0 && at < offset; at = this.#text.indexOf('\n', at + 1)) line++;
    return this.#format.makeError(code, problem, { offset, line }, options);
  }

  /** Reads the start tag of the root element, which must have the name of the format. */
  root(): StartTag {
    const tag = this.next();
    const { root } = this.#format;
    if (tag?.kind === 'start' && tag.name === root) return tag;
    const found = tag?.kind === 'start' ? `<${textOfTag(tag.name)}>` : 'an end tag';
    throw this.error('ROOT_INVALID', `root element ${found}: it must be <${root}>`, tag?.offset ?? 0);
  }

  /**
   * Reads the text of the element whose start tag was read last, and its end tag. Comments are left out.
   * @throws the error of the format, if the element holds another element
   */
  readText(): string {
    let text = '';
    while (this.#emptyElement === undefined) {
      const start = this.#offset;
      const markup = this.#text.indexOf('<', start);
      const end = markup < 0 ? this.#text.length : markup;
      text += this.#unescape(this.#text.slice(start, end), start, false);
      this.#offset = end;
      if (this.#skipText() === undefined) break; // throws: the element is open
      if (this.#takes('<!--')) this.#skipPast('-->', end, 'comment');
      else if (this.#takes('<?')) this.#skipPast('?>', end, 'processing instruction');
      else if (this.#takes('<![CDATA[')) {
        const from = this.#offset;
        this.#skipPast(']]>', end, 'CDATA section');
        text += this.#text.slice(from, this.#offset - ']]>'.length);
      } else if (this.#takes('</')) {
        this.#endTag(end);
        return text;
      } else {
        const problem = `an element inside <${textOfTag(this.#open.at(-1) ?? '')}>: it must contain text only`;
        throw this.error('MARKUP_INVALID', problem, end);
      }
    }
    this.next(); // the end of an empty element
    return text;
  }

  /** Skips text up to the next `<`, and returns its offset; undefined at the end of the text. */
  #skipText(): number | undefined {
    const markup = this.#text.indexOf('<', this.#offset);
    const end = markup < 0 ? this.#text.length : markup;
    if (this.#open.length === 0 || this.#format.hasLooseText === false) {
      this.#skipSpace();
      if (this.#offset < end) this.#textOutside(this.#offset);
    }
    this.#offset = end;
    if (markup >= 0) return markup;
    const unclosed = this.#open.at(-1);
    if (unclosed !== undefined) {
      throw this.error('NOT_TERMINATED', `<${textOfTag(unclosed)}> is not closed: there must be an end tag`, end);
    }
    if (!this.#rootSeen) throw this.error('ROOT_INVALID', `no root element: it must be <${this.#format.root}>`, end);
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

  /** Skips everything up to the end of `closing`; `construct` names what began at `start`. */
  #skipPast(closing: string, start: number, construct: string): void {
    const end = this.#text.indexOf(closing, this.#offset);
    if (end < 0) {
      throw this.error('NOT_TERMINATED', `the ${construct} is not terminated: it must end with ${closing}`, start);
    }
    this.#offset = end + closing.length;
  }

  /** Skips the document type. Its declarations are not read, so that no entity can be expanded. */
  #skipDoctype(start: number): void {
    if (this.#rootSeen) {
      const problem = 'a document type after the start of the root element: it must come before';
      throw this.error('MARKUP_INVALID', problem, start);
    }
    const delimiter = /["'[\]>]|<!--|<\?/g;
    let inSubset = false;
    for (;;) {
      delimiter.lastIndex = this.#offset;
      const found = delimiter.exec(this.#text)?.[0];
      if (found === undefined) {
        throw this.error('NOT_TERMINATED', 'the document type is not terminated: it must end with >', start);
      }
      this.#offset = delimiter.lastIndex;
      if (found === '<!--') this.#skipPast('-->', start, 'document type');
      else if (found === '<?') this.#skipPast('?>', start, 'document type');
      else if (found === '"' || found === "'") this.#skipPast(found, start, 'document type');
      else if (found === '[') inSubset = true;
      else if (found === ']') inSubset = false;
      else if (!inSubset) return;
    }
  }

  /** Reads a name; `owner` is the kind of thing that it names. */
  #name(owner: string): string {
    NAME.lastIndex = this.#offset;
    const name = NAME.exec(this.#text)?.[0];
    if (name === undefined) {
      const character = this.#text.charAt(this.#offset);
      const found = character === '' ? 'the end of the text' : JSON.stringify(character);
      throw this.error('XML_NAME_INVALID', `${found}: the name of ${owner} must be here`, this.#offset);
    }
    this.#offset = NAME.lastIndex;
    return name;
  }

  #endTag(start: number): EndTag {
    const name = this.#name('an element');
    this.#skipSpace();
    if (!this.#takes('>')) throw this.#unterminated(`</${name}`, start);
    const opened = this.#open.pop();
    if (opened !== name) {
      const found = `end tag </${textOfTag(name)}>`;
      const must = opened === undefined ? 'no element is open' : `it must be </${textOfTag(opened)}>`;
      const problem = `${found}: ${must}`;
      throw this.error('TAG_MISMATCH', problem, start);
    }
    return { kind: 'end', offset: start };
  }

  #startTag(start: number): StartTag {
    this.#offset = start + 1;
    const name = this.#name('an element');
    if (this.#open.length === 0 && this.#rootSeen) {
      throw this.error('ROOT_INVALID', 'a second root element: there must be only one', start);
    }
    const { maxDepth } = this.#format;
    if (this.#open.length >= maxDepth) {
      const found = `elements are nested more than ${maxDepth} deep`;
      throw this.error('TOO_DEEP', `${found}: they must be nested at most ${maxDepth} deep`, start);
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
    if (attributes.has(name)) {
      const problem = `attribute ${textOfTag(name)} appears twice in one element: it must appear at most once`;
      this.#mistake('ATTRIBUTE_DUPLICATE', problem, start);
    }
    this.#skipSpace();
    const hasValue = this.#takes('=');
    this.#skipSpace();
    const quote = this.#text.charAt(this.#offset);
    if (!hasValue || (quote !== '"' && quote !== "'")) {
      throw this.error('ATTRIBUTE_INVALID', `attribute ${textOfTag(name)}: it must have a value in quotes`, start);
    }
    const valueStart = ++this.#offset;
    this.#skipPast(quote, start, 'value of an attribute');
    const value = this.#text.slice(valueStart, this.#offset - 1);
    if (value.includes('<')) {
      const problem = `"<" in the value of attribute ${textOfTag(name)}: it must be &lt;`;
      this.#mistake('ATTRIBUTE_INVALID', problem, start);
    }
    const unescaped = this.#unescape(value, valueStart);
    if (!attributes.has(name)) attributes.set(name, unescaped); // the first one counts
  }

  /** Expands references; in the value of an attribute, line ends and tabs become spaces. */
  #unescape(value: string, valueStart: number, isAttribute = true): string {
    let text = '';
    let end = 0;
    // One pass: the characters of an expanded reference are not read again.
    for (const special of value.matchAll(isAttribute ? /&([^&;]*;)?|\r\n|[\t\r\n]/g : /&([^&;]*;)?/g)) {
      const [source, reference = ''] = special;
      let character = source.startsWith('&') ? dereference(reference.slice(0, -1)) : ' ';
      if (character === undefined) {
        const problem = 'an unknown reference: it must be &amp; &lt; &gt; &quot; &apos; or the number of a character';
        this.#mistake('ENTITY_INVALID', problem, valueStart + special.index);
        character = source; // as it is written: no entity is expanded
      }
      text += value.slice(end, special.index) + character;
      end = special.index + source.length;
    }
    return text + value.slice(end);
  }

  #textOutside(offset: number): void {
    const opened = this.#open.at(-1);
    const problem = opened === undefined
      ? 'found text outside of the root element: it must be inside'
      : `found text between the elements of <${textOfTag(opened)}>: it must contain elements only`;
    this.#mistake('TEXT_OUTSIDE', problem, offset);
  }

  #unterminated(tag: string, start: number): Error {
    const text = textOfTag(tag);
    if (this.#offset >= this.#text.length) {
      return this.error('NOT_TERMINATED', `the tag ${text} is not terminated: it must end with >`, start);
    }
    const found = JSON.stringify(this.#text.charAt(this.#offset));
    return this.error('MARKUP_INVALID', `unexpected ${found} in the tag ${text}`, this.#offset);
  }
}
