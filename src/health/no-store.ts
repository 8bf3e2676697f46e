import type { NextFunction, Request, Response } from 'express';

/** A health report from a cache would be a lie about now. Errors too are answered with it. */
export function noStore(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader('Cache-Control', 'no-store');
  next();
}
