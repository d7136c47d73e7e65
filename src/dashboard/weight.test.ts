import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildPage } from './testing.ts';

/** The whole page as it travels, bytes. */
const MAX_GZIP_BYTES = 100 * 1024;

describe('the page', () => {
  let files: { name: string; body: Buffer }[] = [];
  beforeAll(async () => {
    const directory = await buildPage();
    files = readdirSync(directory).map((name) => ({ name, body: readFileSync(join(directory, name)) }));
  });

  it('weighs little', () => {
    expect(files.map(({ name }) => name).sort()).toEqual(['app.js', 'icon.svg', 'index.html', 'style.css']);
    const bytes = files.reduce((sum, { body }) => sum + gzipSync(body).length, 0);
    expect(bytes).toBeLessThan(MAX_GZIP_BYTES);
  });

  it('asks nobody else for anything, and needs nothing that the policy forbids', () => {
    for (const { name, body } of files) {
      const text = body.toString('utf8').replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, '');
      expect(text, name).not.toMatch(/https?:\/\/|@import|url\(/);
    }
    const html = files.find(({ name }) => name === 'index.html')?.body.toString('utf8') ?? '';
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/);
  });
});
