import { parsers } from 'prettier/plugins/yaml';

/** What this reader uses of the tree that Prettier parses YAML into. */
interface Node {
  readonly type: string;
  readonly value?: string;
  readonly anchor?: { readonly value: string };
  readonly children?: readonly (Node | null)[];
}

export type YamlValue = string | null | YamlValue[] | { [key: string]: YamlValue };

/**
 * Reads one YAML document with anchors, aliases and merges (`<<`). Scalars stay text.
 * @throws SyntaxError with the place; Error for what this reader does not know
 */
export function parseYaml(source: string): YamlValue {
  const root = parsers.yaml.parse(source, {} as never) as Node;
  const content = root.children?.[0]?.children?.[1]?.children?.[0];
  return content ? new Reader().read(content) : null;
}

class Reader {
  private readonly anchors = new Map<string, YamlValue>();

  read(node: Node | null | undefined): YamlValue {
    if (!node) return null;
    const value = this.valueOf(node);
    if (node.anchor) this.anchors.set(node.anchor.value, value);
    return value;
  }

  private valueOf(node: Node): YamlValue {
    switch (node.type) {
      case 'mapping':
      case 'flowMapping':
        return this.mapping(node);
      case 'sequence':
      case 'flowSequence':
        return (node.children ?? []).map((item) =>
          this.read(item?.type === 'null' ? null : (item?.children?.[0] ?? item)),
        );
      case 'plain':
      case 'quoteDouble':
      case 'quoteSingle':
      case 'blockLiteral':
      case 'blockFolded':
        return node.value ?? '';
      case 'null':
        return null;
      case 'alias':
        return this.anchors.get(node.value ?? '') ?? null;
      default:
        throw new Error(`a YAML node of type ${node.type}`);
    }
  }

  private mapping(node: Node): YamlValue {
    const result: { [key: string]: YamlValue } = {};
    for (const item of node.children ?? []) {
      const [key, value] = (item?.children ?? []).map((part) => this.read(part?.children?.[0]));
      if (key === '<<') Object.assign(result, { ...(value as object), ...result });
      else if (typeof key === 'string') result[key] = value ?? null;
    }
    return result;
  }
}
