import { Token, Tokenization } from 'aws-cdk-lib';
import { JsonPath, QueryLanguage } from 'aws-cdk-lib/aws-stepfunctions';
import { whyNoImageUrl } from '../../functions/images/url.ts';
import { bucketName, SettingError } from './readers.ts';

/** S3's limit for a key, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;
/** What Step Functions takes as the name of an execution. */
const EXECUTION_NAME = /^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}\p{Cs}\ufffe\uffff\u{10000}-\u{10ffff}]{1,80}$/u;
/** An expression of JSONata; anything around it would make it a text. */
const JSONATA = /^\{%.*%\}$/s;

/** What a text must be that is given for a field, as far as it can be told; undefined if it is that. */
const MUST_BE: Readonly<Record<string, (text: string) => string | undefined>> = {
  bucket: (text) => (bucketName.parse(text) === undefined ? `be ${bucketName.accepts}` : undefined),
  key: whyNoKey,
  resultKey: whyNoKey,
  versionId: (text) => (text === '' ? 'not be empty' : undefined),
  etag: (text) => (text === '' ? 'not be empty' : undefined),
  imageUrl: (text) => whyNoImageUrl(text)?.replace(/^must /, ''),
  executionName: (text) =>
    EXECUTION_NAME.test(text) ? undefined : 'be 1–80 letters, digits, "-", "_" and ".", as Step Functions takes names',
};

/**
 * Refuses fields of a state that its query language would take for a text though a path or an expression is meant, and
 * texts that cannot be what they are given for.
 *
 * @param owner Whose fields they are, as in `key of RemoveBackground "Cut out"`.
 * @throws SettingError naming the field and the remedy
 */
export function checkFields(owner: string, language: QueryLanguage, fields: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const problem = language === QueryLanguage.JSONATA ? whyNoJsonata(value) : whyNoJsonPath(value);
    if (problem !== undefined) throw new SettingError(`${name} of ${owner} ${problem}.`);
    if (Token.isUnresolved(value) || JSONATA.test(value)) continue;
    const demand = MUST_BE[name]?.(value);
    if (demand !== undefined) throw new SettingError(`${name} of ${owner} must ${demand}, but it is "${value}".`);
  }
}

function whyNoJsonPath(value: string): string | undefined {
  const paths = pathsIn(value);
  if (paths.length > 0) {
    if (Tokenization.reverseString(value).length === 1) return undefined;
    return `puts a path into a text, which Step Functions does not: use JsonPath.format('…{}…', JsonPath.stringAt('${paths[0]}'))`;
  }
  if (isJsonata(value)) {
    return `is JSONata, "${value}", in a state that uses JSONPath: use JsonPath.stringAt(), or RemoveBackground.jsonata()`;
  }
  if (isPath(value)) return `is the text "${value}" and not what is at that path: use JsonPath.stringAt('${value}')`;
  if (!/^States\.\w+\(/.test(value)) return undefined;
  return `is the text "${value}" and not what that function returns: use JsonPath.format() and its like`;
}

function whyNoJsonata(value: string): string | undefined {
  const [path] = pathsIn(value);
  if (path !== undefined) {
    return (
      `is a JSONPath, "${path}", in a state that uses JSONata: use an expression such as ` +
      `'{% ${expressionOf(path)} %}', or RemoveBackground.jsonPath()`
    );
  }
  if (JSONATA.test(value)) return undefined;
  if (isPath(value) || value.startsWith('$states')) {
    return `is the text "${value}" and not what it stands for: use an expression, '{% ${expressionOf(value)} %}'`;
  }
  if (!isJsonata(value)) return undefined;
  return `is a text, "${value}", around an expression: make it one expression, '${joined(value)}'`;
}

/** The JSONPaths among the tokens of a text. */
function pathsIn(value: string): string[] {
  return Tokenization.reverseString(value)
    .tokens.filter((token) => JsonPath.isEncodedJsonPath(Token.asString(token)))
    .map((token) => String((token as { path?: string }).path));
}

function isPath(value: string): boolean {
  return /^\$(\$|\.|\[|$)/.test(value);
}

function isJsonata(value: string): boolean {
  return /\{%.*%\}/s.test(value) || value.startsWith('$states.');
}

/** The expression of JSONata for a JSONPath; for a function, an example. */
function expressionOf(path: string): string {
  if (!path.startsWith('$')) return '$states.input.key';
  return path.replace(/^\$\$/, '$states.context').replace(/^\$(?=\.|\[|$)/, '$states.input');
}

/** `a{% b %}c` as one expression: `{% 'a' & b & 'c' %}`. */
function joined(value: string): string {
  const parts = value.split(/(\{%.*?%\})/s).filter((part) => part !== '');
  return `{% ${parts.map((part) => (JSONATA.test(part) ? part.slice(2, -2).trim() : `'${part}'`)).join(' & ')} %}`;
}

function whyNoKey(text: string): string | undefined {
  if (text === '') return 'not be empty';
  if (text.endsWith('/')) return 'not end in "/", which marks a folder';
  return Buffer.byteLength(text) > MAX_KEY_BYTES ? `be at most ${MAX_KEY_BYTES} bytes long` : undefined;
}
