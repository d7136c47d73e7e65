import { expect, it } from 'vitest';
import { type Conversation, openConversation } from './conversation.ts';

const openShell = (timeoutMs = 5_000): Conversation =>
  openConversation({
    name: 'shell',
    command: ['sh'],
    greeting: 'word=hello\n',
    question: (text, marker) => `${text}\necho '${marker}'\n`,
    timeoutMs,
  });

it('answers one question after another', async () => {
  const shell = openShell();
  const answers = await Promise.all([
    shell.ask('echo $word; echo two'),
    shell.ask('true'),
    shell.ask('echo 3'),
  ]);
  expect(answers).toEqual([['hello', 'two'], [], ['3']]);
  shell.close();
});

it('says when the child has ended, and starts it anew', async () => {
  const shell = openShell();
  await expect(shell.ask('echo out of order >&2; exit 1')).rejects.toThrow('shell: out of order');
  expect(await shell.ask('echo $word')).toEqual(['hello']);
  shell.close();
});

it('does not wait longer than its bound', async () => {
  const shell = openShell(200);
  await expect(shell.ask('exec sleep 5')).rejects.toThrow('no answer within 0.2 s');
  expect(await shell.ask('echo back')).toEqual(['back']);
  shell.close();
});

it('says when the child cannot be started', async () => {
  const none = openConversation({
    name: 'nobody',
    command: ['/nonexistent/program'],
    greeting: '',
    question: (text) => text,
    timeoutMs: 1_000,
  });
  await expect(none.ask('?')).rejects.toThrow('nobody: ');
});
