import appengine_config
import datetime
import email.Utils, email.MIMEText
import os
import time

import pytz
import oldmarkup

print 'Content-Type: text/plain; charset=utf-8'
print
zone = pytz.timezone('Kolkata')
print pytz.VERSION, datetime.datetime(2010, 1, 2, 3, 4, tzinfo=zone).isoformat(),
print zone.tzname(None), oldmarkup.__version__
message = email.MIMEText.MIMEText('text', 'plain')
message['Date'] = email.Utils.formatdate(1e9)
print message.as_string()
print os.path.basename(os.path.dirname(os.path.dirname(pytz.__file__)))
