import { describeRow } from './describe-row';

describeRow('disk of DATA_DIR');
