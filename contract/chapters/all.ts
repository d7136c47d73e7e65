import type { Chapter } from '../statement.ts';
import { evacuation } from './evacuation.ts';
import { keystone } from './keystone.ts';
import { otherServices } from './other-services.ts';
import { pacemaker } from './pacemaker.ts';
import { servers } from './servers.ts';
import { services } from './services.ts';

export const CHAPTERS: readonly Chapter[] = [
  keystone,
  services,
  servers,
  otherServices,
  evacuation,
  pacemaker,
];
