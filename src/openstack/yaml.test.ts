import { describe, expect, it, vi } from 'vitest';
import { readYaml } from './yaml.ts';

const read = (text: string): unknown => {
  const yaml = readYaml(text, (path) => path.join('.') === 'typed' || path[0] === 'times');
  return yaml.ok ? yaml.value : yaml;
};

describe('a file with secrets', () => {
  it('keeps what looks like a number as it is written, but where one is meant', () => {
    const words = ['0000', '0123', '1e5', '12345678901234567890', '0x1F', '.inf', 'True', '1_000', '+1.0'];
    for (const word of words) {
      expect(read(`a: { password: ${word} }`)).toEqual({ a: { password: word } });
      expect(read(`a: &p ${word}\nb: *p\n`)).toEqual({ a: word, b: word });
      expect(read(`- "${word}"`)).toEqual([word]);
    }
    expect(read('0012: x')).toEqual({ '0012': 'x' });
    expect(read('typed: 0012\ntimes: { a: 5, b: true }\n')).toEqual({
      typed: 12,
      times: { a: 5, b: true },
    });
    expect(read('a: ~\nb:\nc: null\n')).toEqual({ a: null, b: null, c: null });
  });

  it.each([
    ['a: 1\npassword: *S3cretPw\n', 2, 'UNRESOLVED_ALIAS'],
    ['a: 1\n\npassword: !S3cretPw\n', 3, 'TAG_RESOLVE_FAILED'],
    ['password: @S3cretPw\n', 1, 'BAD_SCALAR_START'],
    ['password: "S3cretPw\n', 2, ''],
    ['password: S3cretPw\npassword: S3cretPw\n', 2, 'DUPLICATE_KEY'],
    ['password: S3cretPw: S3cretPw\n', 1, ''],
    ['password: %S3cretPw\n\tx', 1, ''],
  ])('that is no YAML: line and code, and nothing of it: %j', (text, line, code) => {
    const yaml = readYaml(text, () => false);
    expect(yaml).toMatchObject({ ok: false, problem: expect.stringContaining(`(line ${line}, ${code}`) });
    expect(JSON.stringify(yaml)).not.toContain('S3cretPw');
  });

  it('has nothing printed beside the answer: the parser warns of a key that is a collection, and quotes it', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      readYaml('password: {{ S3cretPw }}', () => false);
      readYaml('password: &S3cretPw: x', () => false);
      expect(warned).not.toHaveBeenCalled();
    } finally {
      warned.mockRestore();
    }
  });

  it('is not followed into the depth', () => {
    expect(readYaml('['.repeat(100_000), () => false).ok).toBe(false);
  });
});
