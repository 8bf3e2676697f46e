import { describeRow } from './describe-row';

describeRow('gateway process');
