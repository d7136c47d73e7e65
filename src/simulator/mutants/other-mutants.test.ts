import { huntEveryOther } from './testing.ts';

huntEveryOther(1);
