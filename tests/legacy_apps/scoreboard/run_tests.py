#!/usr/bin/env python2.7
"""Run the suite: run_tests.py SDK_PATH"""

import sys
import unittest


def main(sdk_path):
    sys.path.insert(0, sdk_path)
    import dev_appserver
    dev_appserver.fix_sys_path()
    suite = unittest.loader.TestLoader().discover('testsuite', 'test_*.py', '.')
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    print 'ran %d, %s' % (result.testsRun,
                          ['not all well', 'all well'][result.wasSuccessful()])
    return not result.wasSuccessful()


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
