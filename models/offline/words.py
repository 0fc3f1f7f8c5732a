"""What names, numbers, jobs, relatives and peoples look like, as pieces of regular expressions.

Only the pieces that several modules of the offline fact reader share; the forms made of them, and
anything compiled, live with their readers.
"""

NAME = r"(?-i:[A-Z0-9][\w'&.-]*(?: (?:(?:of|the|de|van|von|del|la) )?[A-Z0-9][\w'&.-]*){0,4})"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty"
ONES = "one|two|three|four|five|six|seven|eight|nine"
NUMBER = rf"(?:\d{{1,3}}|(?:{_TENS})(?:[- ](?:{ONES}))?|eighteen|nineteen)"
JOB = (
    r"(?:(?!bit\b|little\b|fan\b)[\w'/-]+ ){0,3}?(?:accountant|act(?:or|ress)|agent|analyst"
    r"|architect"
    r"|artist|assistant|attorney|author|baker|banker|barista|bartender|biologist|builder|carpenter"
    r"|cashier|chef|chemist|cleaner|coach|composer|consultant|contractor|cook|counsell?or|dancer"
    r"|dentist|designer|detective|developer|director|doctor|driver|economist|editor|electrician"
    r"|engineer|entrepreneur|farmer|firefighter|freelancer|gardener|guard|guide|hairdresser"
    r"|historian|illustrator|instructor|intern|journalist|judge|lawyer|lecturer|librarian|manager"
    r"|marketer|mechanic|midwife|musician|nanny|nurse|officer|optician|painter|paramedic|pharmacist"
    r"|photographer|physicist|physiotherapist|pilot|plumber|poet|professor|programmer|psychiatrist"
    r"|psychologist|receptionist|recruiter|reporter|researcher|sailor|salesperson|scientist"
    r"|secretary|singer|social worker|soldier|student|surgeon|tailor|teacher|technician|therapist"
    r"|trader|trainer|translator|tutor|vet|veterinarian|waiter|waitress|welder|writer)"
)
PARTNER = r"(?:wife|husband|girlfriend|boyfriend|partner|fianc\u00e9e?|fiancee?|spouse)"
RELATION = (
    r"(?:(?:older|younger|little|big|twin|best|old|late|ex|step|half|oldest|youngest|eldest)[- ])?"
    rf"(?:{PARTNER}|(?:grand)?(?:mother|father|son|daughter|child|ma|pa|parents)(?:-in-law)?"
    rf"|mom|mum|dad"
    r"|(?:brother|sister)(?:-in-law)?|kid|baby|aunt|uncle|cousin|niece|nephew|friend|roommate"
    r"|flatmate|neighbou?r|boss|manager|colleague|co-?worker|therapist|doctor|teacher|coach)"
)
PET = r"(?:dog|cat|puppy|kitten|rabbit|hamster|parrot|horse|bird|turtle|snake|ferret|pony)"
_TITLE = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?"
PERSON = rf"(?-i:{_TITLE}[A-Z][\w'-]*(?: (?:(?:de|van|von) )?[A-Z][\w'-]+){{0,2}})"
PEOPLE = (
    r"(?-i:American|German|French|English|British|Irish|Scottish|Welsh|Spanish|Italian|Portuguese"
    r"|Dutch|Belgian|Swiss|Austrian|Polish|Czech|Hungarian|Romanian|Bulgarian|Greek|Turkish|Russian"
    r"|Ukrainian|Swedish|Norwegian|Danish|Finnish|Serbian|Croatian|Israeli|Lebanese|Iranian|Persian"
    r"|Egyptian|Moroccan|Nigerian|Kenyan|Indian|Pakistani|Chinese|Japanese|Korean|Vietnamese|Thai"
    r"|Filipino|Filipina|Indonesian|Malaysian|Australian|Canadian|Mexican|Cuban|Colombian|Brazilian"
    r"|Argentinian|Chilean|Peruvian|European|African|Asian|Jewish|Muslim|Catholic|Protestant|Hindu"
    r"|Buddhist|Sikh|Mormon|Christian)\b"
)
EVENTS = (
    "moved|relocated|joined|started|quit|left|got|bought|sold|adopted|lost|broke|graduated|finished"
    "|completed|went|visited|met|had|grew|passed|failed|retired|learn(?:ed|t)|won|ran|wrote"
    "|published|founded|switched|became|attended|booked|signed|hurt|injured|sprained|stopped|began"
    "|hired|received|earned|inherited|crashed|travell?ed|flew|drove|hiked|climbed|cooked|baked"
    "|painted|planted|built|celebrated|proposed|divorced|married|resigned|enrolled|applied|lived"
    "|worked|studied|played|owned|smoked|watched|read|saw|took|gave up|ate|tried"
    "|paid|spent|ordered"
)
